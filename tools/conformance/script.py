"""A conversation as a Python program of its own, for bug reports: the standard library, and the very bytes.

It sends what the tester sent, after as many PDUs as had come before, and prints what comes back.
"""

from collections import Counter
from collections.abc import Iterator

from .endings import Skip
from .results import Event, Exchange, Result
from .tokens import text

HEX_A_LINE = 48
"""Bytes of a line of the program."""
_PROGRAM = '''#!/usr/bin/env python3
"""{about}

{clauses}
expected  {expected}
seen      {seen}

Usage: python3 {name} {usage}
"""

import socket
import struct
import sys

NAMES = dict(enumerate(
    "A-ASSOCIATE-RQ A-ASSOCIATE-AC A-ASSOCIATE-RJ P-DATA-TF A-RELEASE-RQ A-RELEASE-RP A-ABORT".split(), 1))


def take(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read(sock, count, seconds):
    """Print what comes: so many PDUs, or how it ends, or that nothing came for so long."""
    sock.settimeout(seconds)
    try:
        for _ in range(count):
            head = take(sock, 6)
            body = take(sock, struct.unpack(">L", head[2:])[0])
            print("<-", NAMES.get(head[0], head[:1].hex()), (head + body)[:64].hex(" "))
    except (TimeoutError, EOFError, ConnectionError) as end:
        print("<-", {{EOFError: "FIN", TimeoutError: f"silence for {{seconds}} s"}}.get(type(end), "RST"))


def act(name, action, *arguments):
    print("->", name)
    try:
        action(*arguments)
    except OSError as error:
        print("  ", error)


{opening}


{steps}
'''
_QUIET = 0.3
"""Seconds of silence that are worth waiting for."""
_RESETS = ("our-rst", "our-close")
_DIAL = "def connect():\n    return socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)"
_LISTEN = (
    'listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))\n\n\n'
    'def connect():\n    print("waiting for the peer to dial")\n    return listener.accept()[0]'
)


def program(result: Result, exchange: Exchange, name: str, seconds: float) -> str:
    """The program.

    Args:
        result: of the case.
        exchange: the conversation.
        name: of the file.
        seconds: to wait for what is due.

    Raises:
        Skip: not all of its bytes were kept.
    """
    label = f", {exchange.label}" if exchange.label else ""
    return _PROGRAM.format(
        about=f"{result.id}: {result.title}{label}".replace('"""', "'''").replace("\\", "/"),
        clauses="; ".join(result.clauses),
        expected=exchange.expected or "-",
        seen=f"{text(exchange.seen)} ({exchange.reaction}, {exchange.closing})",
        name=name,
        usage="HOST PORT" if result.role == "A" else "PORT",
        opening=_DIAL if result.role == "A" else _LISTEN,
        steps="\n".join(_steps(exchange, seconds)),
    )


def _steps(exchange: Exchange, seconds: float) -> Iterator[str]:
    due: Counter[int] = Counter()
    opened: set[int] = set()
    reset: set[int] = set()
    last: dict[int, float] = {}
    for event in exchange.events:
        since = event.at - last.get(event.connection, event.at)
        last[event.connection] = event.at
        if event.kind in ("pdu", "fin", "rst", "send-failed"):
            due[event.connection] += 1
            continue
        if event.kind == "silence":
            yield f"read(c{event.connection}, {due.pop(event.connection, 0) + 1}, {max(since, _QUIET):.1f})"
        line = "\n".join(_line(event))
        if not line:
            continue
        if due[event.connection] and event.connection in opened:
            yield f"read(c{event.connection}, {due[event.connection]}, {seconds})"
            due[event.connection] = 0
        opened.add(event.connection)
        if event.kind in _RESETS:
            reset.add(event.connection)
        yield line
    yield from (f"read(c{number}, {due[number] + 1}, {seconds})" for number in sorted(opened - reset))


def _line(event: Event) -> Iterator[str]:
    connection = f"c{event.connection}"
    match event.kind:
        case "connect" | "accept":
            yield f"{connection} = connect()"
        case "sent":
            if event.digest:
                raise Skip(f"{event.length} bytes were sent, of which the first {len(event.data)} were kept")
            yield f'act("{_named(event)}", {connection}.sendall, bytes.fromhex('
            for start in range(0, len(event.data), HEX_A_LINE):
                yield f'    "{event.data[start : start + HEX_A_LINE].hex()}"'
            yield "))"
        case "our-fin":
            yield f'act("FIN", {connection}.shutdown, socket.SHUT_WR)'
        case kind if kind in _RESETS:
            yield f'{connection}.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))'
            yield f'act("RST", {connection}.close)'
        case _:
            return


def _named(event: Event) -> str:
    """What was sent, in words that can stand in quotes."""
    return "".join(each for each in event.words if each.isprintable() and each not in ('"', "\\"))
