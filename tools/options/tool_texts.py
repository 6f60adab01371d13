"""What the help of a tool says besides its options: what it is, what stands behind the options, examples.

As `table`, pure data: parser, help, manual pages and completion read it.
"""

from collections.abc import Callable

from ...spec.values import value
from . import values


@value
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
    optional: bool = False
    """Whether it may be left out."""


@value
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
_QUERY_FILES = Argument("files", "file", "query file; needed if there is no -k", many=True, optional=True)
_OBJECT = ("object", "outcome status file bytes sop_class_uid sop_instance_uid calling peer")
_RETRIEVED = (
    ("response", "request status error completed failed warning failed_sop_instances"),
    ("summary", "words completed failed warning stored peer exit_code"),
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
        "takes, and ends with an exit code that tells the worst answer. All files are looked at first: without -nh "
        "one bad file among them, and nothing is sent.",
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
    "findscu": Tool(
        "ask a peer what it has (Query, C-FIND)",
        "Sends a query made of query files, keys, or both, and prints what matches: a table on a terminal, lines with "
        "tabs otherwise, its columns the keys. A query file is a DICOM file, a bare data set, DICOM JSON, or a text "
        "with a key a line; several are several queries on one association.",
        (*_PEER, _QUERY_FILES),
        (
            (
                "Whose studies are there?",
                "findscu -S -k QueryRetrieveLevel=STUDY -k PatientName=DOE* -k StudyDate -k "
                "StudyInstanceUID -aec ARCHIVE pacs.example.org 11112",
            ),
            (
                "What is to be done today?",
                "findscu -W -k PatientName -k 'ScheduledProcedureStepSequence[0].Modality=CT' localhost 11112",
            ),
            ("One JSON record a match", "findscu --json -P -k QueryRetrieveLevel=PATIENT -k PatientID localhost 11112"),
        ),
        (
            ("match", "request number status dataset files"),
            ("response", "request status error matches"),
            ("summary", "words matches requests peer exit_code"),
        ),
    ),
    "getscu": Tool(
        "fetch objects over the association that asks for them (Retrieve, C-GET)",
        "Sends the keys and stores what comes back on the same association, so that the peer need not know us. "
        "Compressed objects need +xa or one of its kin.",
        (*_PEER, _QUERY_FILES),
        (
            (
                "Fetch a study",
                "getscu -S -k QueryRetrieveLevel=STUDY -k StudyInstanceUID=1.2.3 -od incoming "
                "-aec ARCHIVE pacs.example.org 11112",
            ),
            (
                "As it is stored there",
                "getscu +xa -S -k QueryRetrieveLevel=STUDY -k StudyInstanceUID=1.2.3 localhost 11112",
            ),
        ),
        (_OBJECT, *_RETRIEVED),
    ),
    "movescu": Tool(
        "have objects sent to somebody (Retrieve, C-MOVE)",
        "The peer sends what the keys name to the AE title of -aem, which it must know with its host and port. With "
        "+P that may be this tool itself.",
        (*_PEER, _QUERY_FILES),
        (
            (
                "Send a study to a workstation",
                "movescu -S -aem STATION -k QueryRetrieveLevel=STUDY -k "
                "StudyInstanceUID=1.2.3 -aec ARCHIVE pacs.example.org 11112",
            ),
            (
                "Receive it here",
                "movescu -S +P 11113 -od incoming -k QueryRetrieveLevel=STUDY -k "
                "StudyInstanceUID=1.2.3 localhost 11112",
            ),
        ),
        (_OBJECT, *_RETRIEVED),
    ),
    "dcmsend": Tool(
        "send folders, media and archives to a peer (Storage, C-STORE)",
        "Takes files, zip files, folders with +sd and DICOMDIRs with +rd, proposes what they need, sends over as many "
        "associations as that takes, --jobs of them at a time, and reports what became of each instance. Where the "
        "peer does not take compressed pixels they are decompressed, if a decoder is installed: dulcet[pixels].",
        (*_PEER, Argument("files", "file", "DICOM file, zip file, directory with +sd, DICOMDIR with +rd", many=True)),
        (
            ("Send a folder and write a report", "dcmsend +sd +r -nh +crf report.txt localhost 11112 study/"),
            ("Send what a disc holds", "dcmsend +rd -aec ARCHIVE pacs.example.org 11112 /media/cdrom/DICOMDIR"),
            (
                "Send a lot, over days if need be",
                "dcmsend +sd +r -nh --jobs 4 --retry 8 --resume sent.log -aec ARCHIVE pacs.example.org 11112 archive/",
            ),
        ),
        (
            ("store", "file sop_class_uid sop_instance_uid transfer_syntax_uid bytes status error"),
            ("summary", "words stored files already_there associations peer exit_code"),
        ),
    ),
    "dcmrecv": Tool(
        "receive objects and write them to files, the simple way (Storage, C-STORE)",
        "Listens, answers C-ECHO, and takes every storage SOP class in every transfer syntax unless a profile (-xf) "
        "says less. Many associations at once; 0000H (success) only when the object is on the disk.",
        (Argument("port", "port", "TCP port to listen on; 0 takes any free one", values.listening_port),),
        (
            ("Receive into a directory", "dcmrecv -od incoming 11112"),
            ("By the dates of the series, with short names", "dcmrecv +ssd +fsu -fe .dcm -od incoming 11112"),
        ),
        (
            ("listening", "port"),
            ("object", "outcome status file bytes sop_class_uid sop_instance_uid calling peer"),
            ("summary", "words stored failed exit_code"),
        ),
    ),
    "qrscp": Tool(
        "keep an archive that can be queried (Storage, Query/Retrieve, Storage Commitment)",
        "Stores what it is sent into a directory, and answers C-FIND, C-MOVE and C-GET over what is there, also over "
        "files that people put there. An index makes queries fast; it is brought up to date at every start. C-MOVE "
        "sends to the entities of --destinations and to nobody else. Needs the extra dulcet[archive].",
        (Argument("directory", "directory", "where the objects are; made if it is not there"),),
        (
            ("An archive that may send to workstations", "qrscp --destinations entities.toml -aet ARCHIVE archive/"),
            ("With its index in PostgreSQL", "qrscp --index postgresql+psycopg://dicom@db.example.org/dicom archive/"),
            ("Make the index anew from the files, and end", "qrscp --reindex archive/"),
        ),
        (
            ("listening", "port"),
            ("index", "added removed unreadable"),
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
