"""Command lines of what is measured: dulcet with either event loop, and its peers at their best setting and plain.

DCMTK's best is TCP_NODELAY=1, without which it waits 40 ms for acknowledgements, and 131072-byte PDUs; plain is what
people get who only install it.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .place import Missing, Place, program

PDU = 131072
"""Longest P-DATA-TF, bytes, that ours announces by itself and that peers are told to."""
NODELAY = {"TCP_NODELAY": "1"}
_DULCET = "import sys; {loop}from dulcet.tools.cli import main; sys.exit(main())"
_ASYNCIO = "sys.modules['uvloop'] = None; "  # an import of it fails, and the plain loop is taken

_BARE = "import sys; {loop}import runpy; sys.argv[0] = {path!r}; runpy.run_path({path!r}, run_name='__main__')"

Words = list[object]


@dataclass(frozen=True, slots=True)
class Program:
    """A program, as far as it is the same for all its uses."""

    name: str
    """For tables."""
    words: Callable[[str], Words]
    """The beginning of its command line, given the tool's name."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables it is given."""
    pdu: tuple[object, ...] = ()
    """What sets its maximum length."""


def _dulcet(loop: str) -> Callable[[str], Words]:
    return lambda tool: [sys.executable, "-c", _DULCET.format(loop=loop), tool]


def _bare(loop: str) -> Words:
    """The server of `bare`."""
    return [sys.executable, "-c", _BARE.format(loop=loop, path=str(Path(__file__).with_name("bare.py")))]


def _dcmtk(tool: str) -> Words:
    return [program(tool, "$dcmtk")]


def _pynetdicom(tool: str) -> Words:
    try:
        import pynetdicom  # noqa: F401  # is it there?
    except ImportError:
        raise Missing("pynetdicom") from None
    return [sys.executable, "-m", "pynetdicom", tool]


def _uvloop(tool: str) -> Words:
    try:
        import uvloop  # noqa: F401  # is it there?
    except ImportError:
        raise Missing("uvloop") from None
    return _dulcet("")(tool)


DULCET = Program("dulcet", _dulcet(_ASYNCIO))
UVLOOP = Program("dulcet+uvloop", _uvloop)
SCRIPT = Program("dulcet", _dulcet(""))
BARE = Program("bare asyncio", lambda _tool: _bare(_ASYNCIO))
BARE_UVLOOP = Program("bare uvloop", lambda tool: _uvloop(tool) and _bare(""))
DCMTK = Program("DCMTK", _dcmtk, NODELAY, ("-pdu", PDU))
PLAIN_DCMTK = Program("DCMTK, plain", _dcmtk)
PYNETDICOM = Program("pynetdicom", _pynetdicom, {}, ("-pdu", PDU))
ORTHANC = Program("Orthanc", lambda tool: [program("Orthanc", "orthanc")])
SINK = Program("C sink", lambda tool: [])

Server = Callable[[Place, Program, int], Words]
"""The command line of a server on a port."""


def storescp(*options: object) -> Server:
    """A storage and verification SCP; {dir} among the options is a directory of its own."""

    def words(place: Place, of: Program, port: int) -> Words:
        if of is SINK:
            return [place.sink, port]
        if of in (BARE, BARE_UVLOOP):
            return [*of.words("storescp"), port]
        if of is ORTHANC:
            return [*of.words("Orthanc"), _orthanc(place, port)]
        directory = place.directory(f"incoming-{port}")
        given = [directory if option == "{dir}" else option for option in options]
        return [*of.words("storescp"), *of.pdu, *given, port]

    return words


def _orthanc(place: Place, port: int) -> Path:
    """The configuration of an Orthanc that does as little besides as it can."""
    import json

    path = place.root / f"orthanc-{port}.json"
    settings = {
        "Name": "bench",
        "StorageDirectory": str(place.directory(f"orthanc-{port}")),
        "IndexDirectory": str(place.directory(f"orthanc-{port}")),
        "HttpServerEnabled": False,
        "DicomPort": port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "Plugins": [],
    }
    path.write_text(json.dumps(settings))
    return path


def qrscp(place: Place, of: Program, port: int) -> Words:
    """An archive of the images of `files.archive`."""
    from .files import archive

    images = archive(place)
    if of is not DCMTK:
        return [*of.words("qrscp"), "-aet", "ANY-SCP", "--port", port, images]
    config = place.root / f"dcmqrscp-{port}.cfg"
    config.write_text(
        f"MaxPDUSize = {PDU}\nMaxAssociations = 16\nHostTable BEGIN\nHostTable END\nVendorTable BEGIN\n"
        f"VendorTable END\nAETable BEGIN\nANY-SCP {images} RW (1000, 4096mb) ANY\nAETable END\n"
    )
    return [*of.words("dcmqrscp"), "-c", config, port]
