"""`dulcet conformance capture FILE`: judge the associations in a capture of network traffic (catalogue 4.13).

A connection is an association's when its first bytes are those of an A-ASSOCIATE-RQ, or when it is to a port that was
named. Where the capture lacks bytes, nothing is judged that came later.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..exit_codes import ExitCode, Failure
from .captures.files import Capture, CaptureError
from .captures.packets import LINKS, Segment, segment
from .captures.streams import Connection, Happening, connections
from .overheard_report import exit_code, text, written
from .overhearing import Overheard

_FIRST = 6 + 4
"""Bytes by which an A-ASSOCIATE-RQ is told: its header and its protocol version (Table 9-11)."""
_LONGEST_RQ = 1 << 20


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = _parser().parse_args(argv[1:])
    capture = Capture(Path(options.file))
    try:
        associations, notes = judge(capture, options.port)
    except OSError as error:
        raise Failure(ExitCode.NO_INPUT, f"{options.file}: {error.strerror or error}") from None
    except CaptureError as error:
        raise Failure(ExitCode.INVALID_INPUT, str(error)) from None
    print(text(associations, notes, strict=options.strict, verbose=options.verbose))
    written(associations, notes, options.json)
    return exit_code(associations, strict=options.strict)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "dulcet conformance capture",
        description="Judge the associations in a capture, both sides, by Table 9-10 and the always-on assertions.",
        allow_abbrev=False,
    )
    made.add_argument("file", metavar="FILE", help="pcap or pcapng")
    made.add_argument(
        "--port",
        metavar="PORT",
        type=int,
        action="append",
        default=[],
        help="a port whose connections are DICOM whatever they begin with; may be given again",
    )
    made.add_argument("--strict", action="store_true", help="what should be fails too")
    made.add_argument("--json", metavar="FILE", help="the report as JSON (versioned)")
    made.add_argument("-v", "--verbose", action="store_true", help="the PDUs of every association")
    return made


def judge(capture: Capture, ports: Sequence[int] = ()) -> tuple[list[Overheard], list[str]]:
    """The associations of a capture, and what else is to be said of it.

    Raises:
        OSError: it cannot be read.
        CaptureError: it is no capture.
    """
    links: set[int] = set()
    found: dict[int, _Listening] = {}
    for connection, happenings in connections(_segments(capture, links)):
        listening = found.setdefault(id(connection), _Listening(connection, ports))
        for happening in happenings:
            listening.take(happening)
    for listening in found.values():
        listening.finish()
    notes = [f"frames of link type {link} are not understood" for link in sorted(links)]
    others = sum(listening.overheard is None and listening.data for listening in found.values())
    if others:
        notes.append(f"{others} connections are none of DICOM, or begin before the capture does")
    if capture.cut:
        notes.append(capture.cut)
    return [each.overheard for each in found.values() if each.overheard is not None], notes


def _segments(capture: Capture, unknown: set[int]) -> Iterator[Segment]:
    for frame in capture.frames():
        if frame.link not in LINKS:
            unknown.add(frame.link)
        elif (found := segment(frame)) is not None:
            yield found


class _Listening:
    """A connection, while it is not known whether it is DICOM's, and then."""

    def __init__(self, connection: Connection, ports: Sequence[int]) -> None:
        self.connection = connection
        self.overheard: Overheard | None = None
        self.data = False
        """Whether any bytes came."""
        self._named = connection.server[1] in ports
        self._waiting: list[Happening] = []
        self._first: dict[tuple[str, int], bytes] = {}
        self._none = False

    def take(self, happening: Happening) -> None:
        """Something happened on it."""
        self.data |= happening.kind == "data"
        if self.overheard is not None:
            self._tell(happening)
        elif not self._none:
            self._waiting.append(happening)
            self._look(happening)

    def _look(self, happening: Happening) -> None:
        """Tell whether it is DICOM's, as soon as that can be told."""
        source = happening.source
        first = self._first[source] = (self._first.get(source, b"") + happening.data)[:_FIRST]
        if self._named or _is_request(first):
            other = next(end for end in (self.connection.client, self.connection.server) if end != source)
            requestor, acceptor = (
                (source, other) if _is_request(first) else (self.connection.client, self.connection.server)
            )
            self.overheard = Overheard(_address(requestor), _address(acceptor), self.connection.at)
            for each in self._waiting:
                self._tell(each)
        elif not b"\1".startswith(first[:1]) or len(first) >= _FIRST:
            self._none = True
        if self._none or self.overheard is not None:
            self._waiting.clear()

    def _tell(self, happening: Happening) -> None:
        assert self.overheard is not None  # asked by both callers
        overheard = self.overheard
        side = next(each for each in overheard.sides if each.address == _address(happening.source))
        if happening.kind == "data":
            overheard.sent(side, happening.data, happening.at)
        else:
            overheard.ended(side, happening.kind, happening.at)

    def finish(self) -> None:
        """The capture is over."""
        since = self.connection.hole_since
        if self.overheard is not None and since is not None:
            at = f"+{since - self.overheard.began:.3f} s"
            self.overheard.stop(f"bytes are missing in the capture from {at} on", since)


def _is_request(first: bytes) -> bool:
    if len(first) < _FIRST or first[0] != 0x01:
        return False
    return 68 <= int.from_bytes(first[2:6], "big") <= _LONGEST_RQ


def _address(end: tuple[str, int]) -> str:
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"
