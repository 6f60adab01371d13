"""`dulcet dump FILE|-`: bytes of the wire as PDUs, in the words of PS3.8 and PS3.7.

Each PDU is printed as soon as it is whole. A malformed one is told and passed over, as its length still says where
the next one begins; a length that cannot be ends the dump, because then nothing says that.
"""

import argparse
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO

from .exit_codes import ExitCode
from .pdu_messages import Json
from .pdu_record import Recorder
from .pdu_source import HexText, Piece, pieces
from .pdu_text import hexdump, lines

_EPILOG = """\
what is shown:
  a headline a PDU (number, offset, name, PDU-length), below it its fields, items and
  sub-items by the names of PS3.8 9.3 and PS3.7 Annex D.3.3; command sets by message and
  element, put together from their fragments; what does not make sense in lines with "!".
  Data sets, passcodes, tickets and tokens are told by their length only. A user name is
  shown, and so is what a command set names (SOP instance UIDs, AE titles).

examples:
  dulcet dump association.bin
  dulcet dump --json association.bin | jq -c '.name, .problems'
  echo '07 00 00000004 00 00 02 01' | dulcet dump --from-hex -

from a capture:
  tcpflow -r capture.pcap 'port 104'
      writes a file for each direction of each connection
  cat FROM_ACCEPTOR FROM_REQUESTOR | dulcet dump -
      both directions of one association, one behind the other: so the acceptance is known
      where the requestor uses what was accepted
  tshark -r capture.pcap -q -z follow,tcp,raw,0 | grep -xE '[0-9a-f]+' | dulcet dump --from-hex -
      what the first node of TCP stream 0 sent, mostly the requestor; lines of the other
      node begin with a tab: grep -xP '\\t[0-9a-f]+' for these, grep -xE '\\s*[0-9a-f]+' for
      both in the order of the capture

exit codes:
   0  all of it made sense
   2  the command line makes no sense
  21  there is no such file, or nothing is in it
  22  something in it does not make sense, or it ends inside a PDU
"""


def main(argv: Sequence[str]) -> int:
    """Dump one stream."""
    options = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a user name may have any character, the terminal has not
        sys.stdout.reconfigure(errors="backslashreplace")
    with _opened(options.file) as stream:
        source = HexText(stream) if options.from_hex else stream
        return _dump(pieces(source), options)


class NoInputError(Exception):
    """Nothing to read."""

    exit_code = "NO_INPUT"


def _opened(path: str) -> AbstractContextManager[IO[bytes]]:
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open(path, "rb")
    except OSError as error:
        raise NoInputError(f"{path}: {error.strerror}") from None


def _dump(found: Iterator[Piece], options: argparse.Namespace) -> int:
    """Print what is found; the exit code."""
    recorder = Recorder(show_secrets=options.show_secrets)
    number = whole = size = troubled = 0
    for number, piece in enumerate(found, 1):
        record = recorder.record(piece)
        size += len(piece.header) + len(piece.body)
        whole += not piece.end
        troubled += bool(record["problems"])
        if options.json:
            _print_json(record, piece, options.hex)
        else:
            _print_text(number, record, piece, options.hex)
    if not number:
        raise NoInputError("nothing to read: the input is empty")
    if not options.json:
        for said in recorder.conversation.unfinished():
            print(f"the stream ends before the last fragment on {said}")
        places = f"{troubled} place{'s' if troubled > 1 else ''}"
        verdict = f"it does not make sense in {places}" if troubled else "all of it makes sense"
        print(f"{whole} PDU{'' if whole == 1 else 's'}, {size} bytes: {verdict}")
    return ExitCode.INVALID_INPUT if troubled else ExitCode.SUCCESS


def _print_json(record: Json, piece: Piece, hex_too: bool) -> None:
    if hex_too:
        record["hex"] = (piece.header + piece.body).hex()
    print(json.dumps(record), flush=True)


def _print_text(number: int, record: Json, piece: Piece, hex_too: bool) -> None:
    for line in lines(number, record):
        print(line)
    if hex_too:
        for line in hexdump(piece.offset, piece.header + piece.body):
            print(line)
    print(flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "dulcet dump",
        description="Show a stream of bytes as DICOM PDUs: one direction of an association or both, from a file or a\n"
        "pipe, each PDU as soon as it is whole.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the bytes as they were on the wire; - is standard input")
    parser.add_argument(
        "--from-hex",
        action="store_true",
        help="FILE is hexadecimal text, two digits a byte; blanks, colons, commas and 0x between bytes mean nothing, "
        "| and # begin a comment; the output of xxd and hexdump -Cv will do",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a PDU, one line each")
    parser.add_argument(
        "--hex",
        action="store_true",
        help="show every byte too: the data sets with the patients' data in them, passcodes, tickets and tokens",
    )
    parser.add_argument(
        "--show-secrets", action="store_true", help="show passcodes, tickets, assertions and tokens of user identities"
    )
    return parser
