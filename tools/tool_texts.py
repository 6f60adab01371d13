"""What the help of a tool says besides its options: what it is, what stands behind the options, examples.

As `option_table`, pure data: parser, help, manual pages and completion read it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import option_values as values


@dataclass(frozen=True, slots=True)
class Argument:
    """What stands on the command line without a flag in front."""

    name: str
    """The attribute it sets."""
    metavar: str
    """What the help calls it."""
    help: str
    """What to give."""
    parse: Callable[[str], object] = str
    """From a word to a value; raises ValueError."""
    many: bool = False
    """Whether it takes all that is left, at least one."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What the help of a tool says besides its options."""

    summary: str
    """What it does, one line."""
    about: str
    """What a newcomer should know, a paragraph."""
    arguments: tuple[Argument, ...]
    """In their order."""
    examples: tuple[tuple[str, str], ...]
    """What one wants, and the command line (without `dulcet`)."""
    records: tuple[tuple[str, str], ...]
    """What --json prints besides `record`, which names its kind: the kinds and their fields, in their order."""


_PEER = (
    Argument("peer", "peer", "host name or address of the DICOM peer"),
    Argument("port", "port", "its TCP port", values.port),
)

TOOLS = {
    "echoscu": Tool(
        "ask a peer whether it is there (Verification, C-ECHO)",
        "Opens an association, sends C-ECHO requests and releases. The first thing to try with a new peer: "
        "it shows whether address, port and AE titles are right.",
        _PEER,
        (
            ("Is the archive there?", "echoscu -aec ARCHIVE pacs.example.org 11112"),
            ("See what is negotiated", "echoscu -v -aet ME -aec ARCHIVE localhost 11112"),
            ("The same over TLS, one record a line", "echoscu --json +tls key.pem cert.pem localhost 2762"),
        ),
        (("echo", "status seconds"), ("summary", "words peer status exit_code")),
    ),
    "storescu": Tool(
        "send files to a peer (Storage, C-STORE)",
        "Proposes exactly the presentation contexts the files need, sends over as many associations as that "
        "takes, and ends with an exit code that tells the worst answer.",
        (*_PEER, Argument("files", "file", "DICOM file, or directory with +sd", many=True)),
        (
            ("Send two files", "storescu -aec ARCHIVE pacs.example.org 11112 a.dcm b.dcm"),
            ("Send a directory tree and go on after failures", "storescu +sd +r -nh localhost 11112 study/"),
            ("Only some files, one record a line", "storescu --json +sd +sp '*.dcm' localhost 11112 study/"),
        ),
        (
            ("store", "file sop_class_uid sop_instance_uid transfer_syntax_uid bytes status error"),
            ("summary", "words stored files peer exit_code"),
        ),
    ),
    "storescp": Tool(
        "receive objects and write them to files (Storage, C-STORE)",
        "Listens, answers C-ECHO and C-STORE of many associations at once, and says 0000H (success) only "
        "when the object is on the disk.",
        (Argument("port", "port", "TCP port to listen on; 0 takes any free one", values.listening_port),),
        (
            ("Receive into a directory", "storescp -od incoming 11112"),
            ("Compressed objects too, a folder per study", "storescp +xa -su study -od incoming 11112"),
            ("Run a program on each file", "storescp -od incoming -xcr 'process #p/#f #a' 11112"),
        ),
        (
            ("listening", "port"),
            ("object", "outcome status file bytes sop_class_uid sop_instance_uid calling peer"),
            ("summary", "words stored failed exit_code"),
        ),
    ),
    "termscu": Tool(
        "ask a server to stop (DCMTK's private Shutdown SOP class)",
        "Works with storescp --allow-shutdown and with those servers of DCMTK that are started with the same "
        "option. The server answers by rejecting the association; that is success here.",
        _PEER,
        (
            ("Stop a server", "termscu -aec ARCHIVE localhost 11112"),
            ("See what it answers", "termscu -v localhost 11112"),
        ),
        (("summary", "words peer exit_code"),),
    ),
}
