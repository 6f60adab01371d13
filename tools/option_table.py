"""The options of the tools as one table: DCMTK's spelling, our words, what a value may be, who has it.

A row is an option. Rows that set the same attribute exclude each other and the rightmost on the command
line wins, as with DCMTK. All that is made of options is made of these rows: parser, `--help`, manual pages,
completion.

The first column: M what DCMTK users cannot do without, S what they should find, R rare, O our own; then the
tools, E echoscu, U storescu, P storescp, T termscu.
"""

from collections.abc import Iterator

from . import option_values as values
from .option_row import Option
from .transfer_syntaxes import (
    ACCEPT_ALL,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LETTERS,
    PROPOSABLE,
    UNCOMPRESSED,
)

LETTER_OF_TOOL = {"echoscu": "E", "storescu": "U", "storescp": "P", "termscu": "T"}
LEVELS = ("fatal", "error", "warn", "info", "debug", "trace")


_GENERAL = (
    Option("M EUPT", "-h --help", "show this help and end", alone=True),
    Option("M EUPT", "--version", "show the version and end", alone=True),
    Option("S EUPT", "--arguments", "show the command line after @file is expanded, without secrets"),
    Option("M EUPT", "-q --quiet", "say only what is fatal", sets=("log_level", "fatal")),
    Option("M EUPT", "-v --verbose", "say what happens", sets=("log_level", "info")),
    Option(
        "M EUPT",
        "-d --debug",
        "say what happens inside, and the changes of state (Table 9-10)",
        sets=("log_level", "debug"),
    ),
    Option("M EUPT", "-ll --log-level LEVEL", ", ".join(LEVELS), values.one_of(*LEVELS), "warn"),
    Option(
        "O EUPT",
        "--log-format FORMAT",
        "text, or json: an object a line",
        values.one_of("text", "json"),
        "text",
    ),
    Option("O EUPT", "--json", "results as JSON: one record a line, then a summary"),
    Option("M UP", "+v --verbose-pc", "show the presentation contexts too, with -v"),
    Option("O U", "--no-progress", "no progress bar"),
)

_PROTOCOL_FAMILY = (
    Option("M EUPT", "-i4 --ipv4", "IPv4 only", default="4", sets=("ip", "4")),
    Option("S EUPT", "-i6 --ipv6", "IPv6 only", sets=("ip", "6")),
    Option("S EUPT", "-i0 --ip-auto", "whatever the name resolves to; a server: both", sets=("ip", "auto")),
)

_TITLES = (
    Option("M EUPT", "-aet --aetitle TITLE", "our own AE title", values.ae_title, "{TOOL}"),
    Option("M EUT", "-aec --call TITLE", "AE title of the peer", values.ae_title, "ANY-SCP"),
    Option("O P", "--check-called-aetitle", "reject associations that call another title than -aet"),
    Option(
        "O P",
        "--allow-calling-aetitle TITLE",
        "reject all calling titles but this; may be repeated",
        values.ae_title,
        repeat=True,
    ),
)

_NEGOTIATION = (
    Option(
        "M UP",
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
        yield Option(f"{row.mark} U", usage, row.words, sets=("propose", row.proposed))


def _preferences() -> Iterator[Option]:
    for row in LETTERS:
        tail = "implicit" if row.letter == "i" else f"prefer-{row.tail}"
        default = UNCOMPRESSED if row.letter == "=" else None
        usage, sets = f"+x{row.letter} --{tail}", ("prefer", row.preferred)
        yield Option(f"{row.mark} P", usage, row.words, default=default, sets=sets)
    words = "every transfer syntax a stored object may have"
    yield Option("M P", "+xa --accept-all", words, sets=("prefer", ACCEPT_ALL))


_IDENTITY = (
    Option("S EU", "-usr --user NAME", "name of the user", not_with="kerberos saml jwt"),
    Option("S EU", "-pwd --password WORD", "the user's password", needs="user", secret=True),
    Option("S EU", "-epw --empty-password", "the user's password is empty", sets=("password", ""), needs="user"),
    Option("S EU", "-kt --kerberos FILE", "Kerberos ticket from a file", not_with="user saml jwt"),
    Option("S EU", "--saml FILE", "SAML assertion from a file", not_with="user kerberos jwt"),
    Option("S EU", "--jwt FILE", "JSON Web Token from a file", not_with="user kerberos saml"),
    Option(
        "S EU",
        "-rsp --pos-response",
        "ask for a positive response and insist on it",
        needs="user kerberos saml jwt",
    ),
)

_TIME = (
    Option("M EUT", "-to --timeout SECONDS", "to connect, 0 = no limit", values.seconds_or_none, 10.0),
    Option(
        "S EUP",
        "-ts --socket-timeout SECONDS",
        "for the peer to take some byte of what is sent, 0 = no limit",
        values.socket_seconds,
        30.0,
    ),
    Option("M EUPT", "-ta --acse-timeout SECONDS", "for an answer of ACSE", values.seconds, 30.0),
    Option("M EU", "-td --dimse-timeout SECONDS", "for a response, 0 = no limit", values.seconds_or_none, 300.0),
    Option("O P", "--artim SECONDS", "the ARTIM timer (PS3.8 9.1.5)", values.seconds, 30.0),
    Option(
        "O P",
        "--idle-timeout SECONDS",
        "abort associations on which nothing happens, 0 = never",
        values.seconds_or_none,
        300.0,
    ),
    Option("M P", "-td --dimse-timeout SECONDS", "the same", values.seconds_or_none, 300.0, sets="idle_timeout"),
)

_LIMITS = (
    Option(
        "M EUPT",
        "-pdu --max-pdu BYTES",
        "longest PDU to receive, 4096 and up, 0 = no limit",
        values.pdu_length,
        131072,
    ),
    Option("S U", "--max-send-pdu BYTES", "longest PDU to send, 0 = what the peer takes", values.pdu_length, 0),
    Option("S P", "--max-associations N", "more are rejected for now", values.whole(1), 200),
    Option("O P", "--max-connections N", "more are closed", values.whole(1), 1000),
    Option("M P", "--single-process", "one association at a time", sets=("max_associations", 1)),
    Option("M P", "--fork", "associations run at the same time; it is always so"),
)

_INPUT = (
    Option("M U", "+f --read-file", "with file meta information or without", default="any", sets=("read", "any")),
    Option("M U", "+fo --read-file-only", "only with file meta information", sets=("read", "file")),
    Option("M U", "-f --read-dataset", "bare data sets", sets=("read", "dataset")),
    Option("M U", "+sd --scan-directories", "look into directories"),
    Option("M U", "+sp --scan-pattern PATTERN", "only files of this name, * and ?", needs="scan_directories"),
    Option("M U", "-r --no-recurse", "not into directories of directories", sets=("recurse", False)),
    Option("M U", "+r --recurse", "into directories of directories", needs="scan_directories"),
)


_SENDING = (
    Option("S EU", "--repeat N", "do it all N times", values.whole(1), 1),
    Option("S EU", "--abort", "end with A-ABORT, not with a release"),
    Option("M U", "-nh --no-halt", "go on after a bad file or an answer that is not success"),
)

_RECEIVING = (
    Option("M P", "-pm --promiscuous", "accept SOP classes nobody has heard of", not_with="config_file"),
    Option("S P", "-dhl --disable-host-lookup", "ask no name server for a peer's name; it is always so"),
    Option("S P", "--ignore", "receive, answer, write nothing"),
    Option("O P", "--allow-shutdown", "stop when termscu asks"),
    Option("S P", "--refuse", "reject every association"),
    Option("R P", "--reject", "abort requests without an implementation class UID; it is always so"),
    Option("S P", "--sleep-after SECONDS", "wait after an object", values.pause, 0.0),
    Option("S P", "--abort-after", "abort after an object, before the answer", sets=("abort", "after")),
    Option("S P", "--abort-during", "abort while receiving an object", sets=("abort", "during")),
)

_OUTPUT = (
    Option("M P", "-od --output-directory DIR", "where objects are written; it must exist", default="."),
    Option("M P", "-B --normal", "the data set stays as it came unless +t? asks for another encoding"),
    Option("M P", "+B --bit-preserving", "the data set stays as it came, bit by bit", not_with="write_syntax"),
    Option("S P", "+t= --write-xfer-same", "as it came", sets=("write_syntax", None)),
    Option(
        "S P",
        "+te --write-xfer-little",
        "uncompressed objects as Explicit VR Little Endian",
        sets=("write_syntax", EXPLICIT_LITTLE),
    ),
    Option(
        "R P",
        "+tb --write-xfer-big",
        "uncompressed objects as Explicit VR Big Endian (retired)",
        sets=("write_syntax", EXPLICIT_BIG),
    ),
    Option(
        "S P",
        "+ti --write-xfer-implicit",
        "uncompressed objects as Implicit VR Little Endian",
        sets=("write_syntax", IMPLICIT_LITTLE),
    ),
    Option("S P", "+F --write-file", "with file meta information", sets=("write_dataset", False)),
    Option("S P", "-F --write-dataset", "the bare data set"),
    Option(
        "O P",
        "--durability HOW",
        "durable: what was acknowledged survives power loss; crash-safe: the end of this process",
        values.one_of("durable", "crash-safe"),
        "durable",
    ),
    Option("M P", "-su --sort-on-study-uid PREFIX", "a directory per study, PREFIX_StudyInstanceUID"),
    Option("M P", "-uf --default-filenames", "SOP Instance UID", default="uid", sets=("filenames", "uid")),
    Option("M P", "+uf --unique-filenames", "a new name each time", sets=("filenames", "unique")),
    Option("M P", "-fe --filename-extension TEXT", "what file names end with; give the dot too", default=""),
)

_EVENTS = (
    Option(
        "M P",
        "-xcr --exec-on-reception COMMAND",
        "run a program, without a shell, on each object: #p is its directory, #f its file name, "
        "#a the calling AE title, #c the called one, #r the peer's address",
    ),
    Option("S P", "-xs --exec-sync", "answer only when the program has ended", needs="exec_on_reception"),
    Option("O P", "--exec-timeout SECONDS", "end programs after this long", values.seconds, 60.0),
    Option("O P", "--exec-concurrency N", "programs at the same time", values.whole(1, 256), 4),
)

_PROFILES = (
    ("M", "+pg --profile-8996", "8996", "BCP 195 RFC 8996, 9325"),
    ("S", "+pm --profile-8996-mod", "8996-mod", "modified BCP 195 RFC 8996, 9325"),
    ("S", "+py --profile-bcp195-nd", "bcp195-nd", "non-downgrading BCP 195 (retired)"),
    ("R", "+px --profile-bcp195", "bcp195", "BCP 195 (retired)"),
    ("R", "+pz --profile-bcp195-ex", "bcp195-ex", "extended BCP 195 (retired)"),
    ("R", "+pa --profile-aes", "aes", "AES (retired)"),
    ("R", "+pb --profile-basic", "basic", "basic (retired): refused, it needs Triple DES"),
    ("R", "+pn --profile-null", "null", "authenticated unencrypted: refused, it encrypts nothing"),
)
"""The security profiles of PS3.15 Annex B by DCMTK's flags; `dul/transport/tls_profiles.py` tells what they ask."""


def _security_profiles() -> Iterator[Option]:
    for mark, usage, name, words in _PROFILES:
        default = name if name == "8996" else None
        yield Option(f"{mark} EUPT", usage, words, default=default, sets=("security_profile", name))


_TLS = (
    Option("M EUPT", "-tls --disable-tls", "plain TCP", sets=("tls", None)),
    Option("M EUPT", "+tls --enable-tls KEY CERT", "TLS with our private key and certificate", sets="tls"),
    Option("S EUT", "+tla --anonymous-tls", "TLS without a certificate of our own", sets=("tls", ())),
    Option("S EUPT", "+ps --std-passwd", "ask for the key's password, if it has one", sets=("key_password", None)),
    Option("S EUPT", "+pw --use-passwd WORD", "it is WORD", sets="key_password", needs="tls", secret=True),
    Option("S EUPT", "-pw --null-passwd", "it is empty", sets=("key_password", ""), needs="tls"),
    Option("M EUPT", "-pem --pem-keys", "keys and certificates are PEM; it is always so"),
    Option(
        "M EUPT", "+cf --add-cert-file FILE", "trust the CA in this file; may be repeated", repeat=True, needs="tls"
    ),
    Option(
        "S EUPT",
        "+cd --add-cert-dir DIR",
        "trust the CAs in this directory; may be repeated",
        repeat=True,
        needs="tls",
    ),
    Option(
        "S EUPT",
        "+crl --add-crl-file FILE",
        "certificate revocation list; turns on +crv; may be repeated",
        repeat=True,
        implies=("crl_check", "leaf"),
        needs="tls",
    ),
    Option("S EUPT", "+crv --enable-crl-vfy", "is the peer's revoked?", sets=("crl_check", "leaf"), needs="tls"),
    Option(
        "S EUPT",
        "+cra --enable-crl-all",
        "is any of its chain revoked?",
        sets=("crl_check", "chain"),
        needs="tls",
    ),
    Option("S EUPT", "+ph --list-profiles", "list the security profiles and end", alone=True),
    Option("S EUPT", "+cc --list-ciphers", "list the cipher suites of the profile and end", alone=True),
    *_security_profiles(),
    Option("S EUPT", "+cs --cipher NAME", "this cipher suite too; may be repeated", repeat=True, needs="tls"),
    Option("S EUT", "--no-sni", "name no server", sets=("request_sni", None)),
    Option("S EUT", "--request-sni NAME", "name the server wanted (SNI), and insist on its certificate", needs="tls"),
    Option("S P", "--expect-sni NAME", "insist on being called by this name (SNI)", needs="tls"),
    Option(
        "M EUPT",
        "-rc --require-peer-cert",
        "the peer must show a certificate",
        default="require",
        sets=("peer_cert", "require"),
    ),
    Option("M P", "-vc --verify-peer-cert", "if it shows one, check it", sets=("peer_cert", "verify"), needs="tls"),
    Option(
        "M EUPT",
        "-ic --ignore-peer-cert",
        "check nothing: anybody may answer",
        sets=("peer_cert", "ignore"),
        needs="tls",
    ),
)

GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    ("general", _GENERAL),
    ("internet protocol", _PROTOCOL_FAMILY),
    ("application entity titles", _TITLES),
    ("negotiation", _NEGOTIATION),
    ("proposed transfer syntaxes (without one of these: what the files need)", tuple(_proposals())),
    ("preferred transfer syntaxes; the uncompressed ones are accepted too", tuple(_preferences())),
    ("user identity", _IDENTITY),
    ("time", _TIME),
    ("limits", _LIMITS),
    ("files to send", _INPUT),
    ("sending", _SENDING),
    ("receiving", _RECEIVING),
    ("files to write", _OUTPUT),
    ("programs to run", _EVENTS),
    ("TLS", _TLS),
)
"""The whole table: headings and their rows."""


def rows(tool: str) -> list[tuple[str, list[Option]]]:
    """The headings and rows of one tool."""
    letter = LETTER_OF_TOOL[tool]
    chosen = ((heading, [row for row in group if letter in row.tools]) for heading, group in GROUPS)
    return [(heading, group) for heading, group in chosen if group]
