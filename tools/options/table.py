"""The options of the tools as one table: DCMTK's spelling, our words, what a value may be, who has it.

A row is an option. Rows that set the same attribute exclude each other and the rightmost on the command
line wins, as with DCMTK. All that is made of options is made of these rows: parser, `--help`, manual pages,
completion.

The first column: M what DCMTK users cannot do without, S what they should find, R rare, O our own; then the
tools, E echoscu, U storescu, P storescp, T termscu, F findscu, G getscu, M movescu, S dcmsend,
R dcmrecv, Q qrscp.
"""

from collections.abc import Iterator

from . import archive_rows as archive
from . import bulk_rows as bulk
from . import query_rows as queries
from . import values
from .access_rows import ACCESS
from .row import Option
from .tls_rows import TLS
from .transfer_syntaxes import (
    ACCEPT_ALL,
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LETTERS,
    PROPOSABLE,
    UNCOMPRESSED,
)

LETTER_OF_TOOL = {
    "echoscu": "E",
    "storescu": "U",
    "storescp": "P",
    "termscu": "T",
    "findscu": "F",
    "getscu": "G",
    "movescu": "M",
    "dcmsend": "S",
    "dcmrecv": "R",
    "qrscp": "Q",
}
LEVELS = ("fatal", "error", "warn", "info", "debug", "trace")


_GENERAL = (
    Option("M EUPTFGMSRQ", "-h --help", "show this help and end", alone=True),
    Option("M EUPTFGMSRQ", "--version", "show the version and end", alone=True),
    Option("S EUPTFGMSRQ", "--arguments", "show the command line after @file is expanded, without secrets"),
    Option("M EUPTFGMSRQ", "-q --quiet", "say only what is fatal", sets=("log_level", "fatal")),
    Option("M EUPTFGMSRQ", "-v --verbose", "say what happens", sets=("log_level", "info")),
    Option(
        "M EUPTFGMSRQ",
        "-d --debug",
        "say what happens inside, and the changes of state (Table 9-10)",
        sets=("log_level", "debug"),
    ),
    Option("M EUPTFGMSRQ", "-ll --log-level LEVEL", ", ".join(LEVELS), values.one_of(*LEVELS), "warn"),
    Option(
        "O EUPTFGMSRQ",
        "--log-format FORMAT",
        "text, or json: an object a line",
        values.one_of("text", "json"),
        "text",
    ),
    Option("O EUPTFGMSRQ", "--json", "results as JSON: one record a line, then a summary"),
    Option("S UPGSRQ", "+v --verbose-pc", "show the presentation contexts too, with -v"),
    Option("O EUFGMSQ", "--no-progress", "show no progress on the terminal"),
)

_PROTOCOL_FAMILY = (
    Option("M EUPTFGMSRQ", "-i4 --ipv4", "IPv4 only", default="4", sets=("ip", "4")),
    Option("S EUPTFGMSRQ", "-i6 --ipv6", "IPv6 only", sets=("ip", "6")),
    Option("S EUPTFGMSRQ", "-i0 --ip-auto", "whatever the name resolves to; a server: both", sets=("ip", "auto")),
)

_TITLES = (
    Option("M EUPTFGMSQ", "-aet --aetitle TITLE", "our own AE title", values.ae_title, "{TOOL}"),
    Option("M EUTFGMS", "-aec --call TITLE", "AE title of the peer", values.ae_title, "ANY-SCP"),
)

_NEGOTIATION = (
    Option(
        "M UPSR",
        "-xf --config-file FILE PROFILE",
        "contexts of a profile in a DCMTK association configuration file",
        not_with="propose prefer",
    ),
    Option("M U", "-R --required", "propose only what the files need; it is always so", default=True),
    Option("S U", "+C --combine", "one context per SOP class with all its transfer syntaxes"),
    Option(
        "R E",
        "-pts --propose-ts N",
        "propose the first N of a list of transfer syntaxes",
        values.whole(1, len(PROPOSABLE)),
        1,
    ),
    Option("R E", "-ppc --propose-pc N", "propose N presentation contexts", values.whole(1, 128), 1),
)


def _proposals() -> Iterator[Option]:
    for row in LETTERS:
        usage = f"-x{row.letter} --propose-{row.tail}"
        tools = "UFGM" if row.letter in "=ebid" else "U"  # an identifier is never compressed as an image
        yield Option(f"{row.mark} {tools}", usage, row.words, sets=("propose", row.proposed))


def _preferences() -> Iterator[Option]:
    for row in LETTERS:
        tail = "implicit" if row.letter == "i" else f"prefer-{row.tail}"
        default = UNCOMPRESSED if row.letter == "=" else None
        usage, sets = f"+x{row.letter} --{tail}", ("prefer", row.preferred)
        yield Option(f"{row.mark} PGM", usage, row.words, default=default, sets=sets)
    words = "every transfer syntax a stored object may have"
    yield Option("M PGM", "+xa --accept-all", words, sets=("prefer", ACCEPT_ALL))


_IDENTITY = (
    Option("S EUFGMS", "-usr --user NAME", "name of the user", not_with="kerberos saml jwt"),
    Option("S EUFGMS", "-pwd --password WORD", "the user's password", needs="user", secret=True),
    Option("S EUFGMS", "-epw --empty-password", "the user's password is empty", sets=("password", ""), needs="user"),
    Option("S EUFGMS", "-kt --kerberos FILE", "Kerberos ticket from a file", not_with="user saml jwt"),
    Option("S EUFGMS", "--saml FILE", "SAML assertion from a file", not_with="user kerberos jwt"),
    Option("S EUFGMS", "--jwt FILE", "JSON Web Token from a file", not_with="user kerberos saml"),
    Option(
        "S EUFGMS",
        "-rsp --pos-response",
        "ask for a positive response and insist on it",
        needs="user kerberos saml jwt",
    ),
)

_TIME = (
    Option("M EUTFGMS", "-to --timeout SECONDS", "to connect, 0 = no limit", values.seconds_or_none, 10.0),
    Option(
        "S EUPFGMSRQ",
        "-ts --socket-timeout SECONDS",
        "for the peer to take any of what is sent, 0 = no limit",
        values.socket_seconds,
        30.0,
    ),
    Option(
        "M EUPTFGMSRQ",
        "-ta --acse-timeout SECONDS",
        "for the answer to an association or release request",
        values.seconds,
        30.0,
    ),
    Option("M EUFGMS", "-td --dimse-timeout SECONDS", "for a response, 0 = no limit", values.seconds_or_none, 300.0),
    Option(
        "O PRQ",
        "--artim SECONDS",
        "for a request after the connection, and for it to close at the end: ARTIM (PS3.8 9.1.5)",
        values.seconds,
        30.0,
    ),
    Option(
        "O PMRQ",
        "--idle-timeout SECONDS",
        "abort associations on which nothing happens, 0 = never",
        values.seconds_or_none,
        300.0,
    ),
    Option(
        "M PRQ",
        "-td --dimse-timeout SECONDS",
        "the same as --idle-timeout, by DCMTK's name",
        values.seconds_or_none,
        300.0,
        sets="idle_timeout",
    ),
)

_LIMITS = (
    Option(
        "M EUPTFGMSRQ",
        "-pdu --max-pdu BYTES",
        "longest PDU to receive, 4096 and up, 0 = no limit",
        values.pdu_length,
        131072,
    ),
    Option("S US", "--max-send-pdu BYTES", "longest PDU to send, 0 = what the peer takes", values.pdu_length, 0),
    Option(
        "S PRQ", "--max-associations N", "at the same time; more are rejected, and may try again", values.whole(1), 200
    ),
    Option(
        "O PRQ",
        "--max-connections N",
        "at the same time, with an association or not yet; more are closed",
        values.whole(1),
        1000,
    ),
    Option("O PRQ", "--workers N", "processes that share the port, and the two limits above", values.whole(1), 1),
    Option("M PQ", "--single-process", "one association at a time", sets=("max_associations", 1)),
    Option("M P", "--fork", "associations run at the same time; it is always so"),
)

_INPUT = (
    Option("M U", "+f --read-file", "with file meta information or without", default="any", sets=("read", "any")),
    Option("M U", "+fo --read-file-only", "only with file meta information", sets=("read", "file")),
    Option("M US", "-f --read-dataset", "bare data sets", sets=("read", "dataset")),
    Option("M US", "+sd --scan-directories", "look into directories"),
    Option("M US", "+sp --scan-pattern PATTERN", "only files of this name, * and ?", needs="scan_directories"),
    Option("M US", "-r --no-recurse", "not into directories of directories", sets=("recurse", False)),
    Option("M US", "+r --recurse", "into directories of directories", needs="scan_directories"),
)


_SENDING = (
    Option("S EUFGM", "--repeat N", "do it all N times", values.whole(1), 1),
    Option("S EUFGM", "--abort", "end with A-ABORT, not with a release"),
    Option("M US", "-nh --no-halt", "go on after a bad file or an answer that is not success"),
)

_RECEIVING = (
    Option("M PQ", "-pm --promiscuous", "accept SOP classes nobody has heard of", not_with="config_file"),
    Option("S PMRQ", "-dhl --disable-host-lookup", "ask no name server for a peer's name; it is always so"),
    Option("S PGMR", "--ignore", "receive, answer, write nothing"),
    Option("O PRQ", "--allow-shutdown", "stop when termscu asks"),
    Option("S P", "--refuse", "reject every association"),
    Option("R P", "--reject", "abort requests without an implementation class UID; it is always so"),
    Option("S P", "--sleep-after SECONDS", "wait after an object", values.pause, 0.0),
    Option("S P", "--abort-after", "abort after an object, before the answer", sets=("abort", "after")),
    Option("S P", "--abort-during", "abort while receiving an object", sets=("abort", "during")),
)

_OUTPUT = (
    Option("M PFGMR", "-od --output-directory DIR", "where objects are written; it must exist", default="."),
    Option("M PGMR", "-B --normal", "the data set stays as it came unless +t? asks for another encoding"),
    Option("M PGMR", "+B --bit-preserving", "the data set stays as it came, bit by bit", not_with="write_syntax"),
    Option("S PM", "+t= --write-xfer-same", "as it came", sets=("write_syntax", None)),
    Option(
        "S PM",
        "+te --write-xfer-little",
        "uncompressed objects as Explicit VR Little Endian",
        sets=("write_syntax", EXPLICIT_LITTLE),
    ),
    Option(
        "R PM",
        "+tb --write-xfer-big",
        "uncompressed objects as Explicit VR Big Endian (retired)",
        sets=("write_syntax", EXPLICIT_BIG),
    ),
    Option(
        "S PM",
        "+ti --write-xfer-implicit",
        "uncompressed objects as Implicit VR Little Endian",
        sets=("write_syntax", IMPLICIT_LITTLE),
    ),
    Option(
        "S PM",
        "+td --write-xfer-deflated",
        "uncompressed objects as Deflated Explicit VR Little Endian",
        sets=("write_syntax", DEFLATED),
    ),
    Option("S PM", "+F --write-file", "with file meta information", sets=("write_dataset", False)),
    Option("S PM", "-F --write-dataset", "the bare data set"),
    Option(
        "O PGMRQ",
        "--durability HOW",
        "durable: what was acknowledged survives power loss; crash-safe: the end of this process",
        values.one_of("durable", "crash-safe"),
        "durable",
    ),
    Option("M P", "-su --sort-on-study-uid PREFIX", "a directory per study, PREFIX_StudyInstanceUID"),
    Option("M P", "-uf --default-filenames", "SOP Instance UID", default="uid", sets=("filenames", "uid")),
    Option("M P", "+uf --unique-filenames", "a new name each time", sets=("filenames", "unique")),
    Option("M PR", "-fe --filename-extension TEXT", "what file names end with; give the dot too", default=""),
)

_EVENTS = (
    Option(
        "M P",
        "-xcr --exec-on-reception COMMAND",
        "run a program, without a shell, on each object: #p is its directory, #f its file name, "
        "#a the calling AE title, #c the called one, #r the peer's address",
    ),
    Option(
        "S P", "-xs --exec-sync", "answer only when the program has ended", needs="exec_on_reception exec_on_eostudy"
    ),
    Option("O P", "--exec-timeout SECONDS", "end programs after this long", values.seconds, 60.0),
    Option("O P", "--exec-concurrency N", "programs at the same time", values.whole(1, 256), 4),
)

GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    ("general", _GENERAL),
    ("internet protocol", _PROTOCOL_FAMILY),
    ("application entity titles", (*bulk.TITLES, *_TITLES)),
    ("who may connect", ACCESS),
    ("archive", archive.ARCHIVE),
    ("keys", queries.KEYS),
    ("query models", queries.MODELS),
    ("asked of the query (extended negotiation)", queries.EXTENSIONS),
    ("where it goes", queries.MOVING),
    ("negotiation", (*_NEGOTIATION, *bulk.NEGOTIATION)),
    (
        "proposed transfer syntaxes (without one of these: what the files need, or the uncompressed ones)",
        tuple(_proposals()),
    ),
    ("preferred transfer syntaxes; the uncompressed ones are accepted too", tuple(_preferences())),
    ("user identity", _IDENTITY),
    ("time", _TIME),
    ("limits", _LIMITS),
    ("files to send", (*bulk.INPUT, *_INPUT)),
    ("test data", bulk.INVENTING),
    ("compressed pixels", bulk.DECOMPRESSION),
    ("sending", (*_SENDING, *bulk.SENDING)),
    ("receiving", (*_RECEIVING, *bulk.FAULTS)),
    ("cancelling", queries.CANCELLING),
    ("responses", queries.RESPONSES),
    ("files to write", (*_OUTPUT, *bulk.SORTING, *bulk.NAMES)),
    ("programs to run", (*_EVENTS, *bulk.EVENTS)),
    ("TLS", TLS),
)
"""The whole table: headings and their rows."""


def rows(tool: str) -> list[tuple[str, list[Option]]]:
    """The headings and rows of one tool."""
    letter = LETTER_OF_TOOL[tool]
    chosen = ((heading, [row for row in group if letter in row.tools]) for heading, group in GROUPS)
    return [(heading, group) for heading, group in chosen if group]


def defaults(tool: str) -> dict[str, object]:
    """Every attribute of a tool and what it is when no option sets it."""
    found: dict[str, object] = {}
    for _, group in rows(tool):
        for row in group:
            if row.default is not None:
                found[row.attribute] = tool.upper() if row.default == "{TOOL}" else row.default
            elif row.repeat:
                found[row.attribute] = []
            else:
                boolean = isinstance(row.value, bool) and not row.metavars
                found.setdefault(row.attribute, False if boolean else None)
    return {name: value for name, value in found.items() if name not in ("help", "version")}
