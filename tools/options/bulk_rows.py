"""The rows of the option table that dcmsend (S) and dcmrecv (R) have for themselves, and how files are named and sorted
(storescp P and dcmrecv); and test data for storescu (U)."""

from . import values
from .row import Option

TITLES = (
    Option(
        "M R",
        "-aet --aetitle TITLE",
        "our own AE title; associations that call another one are rejected",
        values.ae_title,
    ),
    Option("S R", "-uca --use-called-aetitle", "answer to any title", sets=("aetitle", None)),
)

NEGOTIATION = (
    Option("S S", "-nip --no-illegal-proposal", "propose no SOP class without the default transfer syntax"),
    Option(
        "M S",
        "+ma --multi-associations",
        "as many associations as the presentation contexts take",
        sets=("single_association", False),
    ),
    Option("M S", "-ma --single-association", "one, and what does not fit it is not sent"),
)

INPUT = (
    Option("M S", "+fo --read-file-only", "only with file meta information", default="file", sets=("read", "file")),
    Option("M S", "+f --read-file", "with file meta information or without", sets=("read", "any")),
    Option("M S", "+rd --read-from-dicomdir", "the files are DICOMDIRs: send what they refer to"),
    Option("S S", "-nuc --no-uid-checks", "send SOP classes and transfer syntaxes nobody has heard of, too"),
)

INVENTING = (
    Option("S U", "+II --invent-instance", "test data: each file sent becomes another instance"),
    Option(
        "S U",
        "+IR --invent-series N",
        "test data: a new series after N instances",
        values.whole(1),
        implies=("invent_instance", True),
    ),
    Option(
        "S U",
        "+IS --invent-study N",
        "test data: a new study after N series (of 100 instances without +IR)",
        values.whole(1),
        implies=("invent_instance", True),
    ),
    Option(
        "S U",
        "+IP --invent-patient N",
        "test data: a new patient after N studies (of 50 series without +IS)",
        values.whole(1),
        implies=("invent_instance", True),
    ),
)

DECOMPRESSION = (
    Option("M S", "-dn --decompress-never", "send compressed pixels as they are", sets=("decompress", "never")),
    Option(
        "M S",
        "+dls --decompress-lossless",
        "decompress what was compressed without loss, where the peer does not take it",
        default="lossless",
        sets=("decompress", "lossless"),
    ),
    Option("M S", "+dly --decompress-lossy", "what was compressed with loss too", sets=("decompress", "lossy")),
    Option("S S", "--list-decoders", "list what can be decompressed and end", alone=True),
)

SENDING = (
    Option("O S", "--jobs N", "associations at the same time", values.whole(1, 64), 1),
    Option(
        "O S",
        "--retry N",
        "try again up to N times after a transient rejection, a lost or failed connection, or status A7xx (out of "
        "resources)",
        values.whole(0, 100),
        0,
    ),
    Option(
        "O S", "--retry-delay SECONDS", "before the first retry; it doubles each time, up to 60", values.seconds, 1.0
    ),
    Option(
        "O S",
        "--retry-jitter SHARE",
        "of the delay, by which it is made longer or shorter by chance",
        values.share,
        0.25,
    ),
    Option("O S", "--resume FILE", "remember in FILE what the peer has acknowledged, and do not send it again"),
    Option("S S", "+crf --create-report-file FILE", "write a report for people"),
    Option("O S", "--report-json FILE", "write a report for programs"),
)

FAULTS = (Option("S P", "--sleep-during SECONDS", "wait while an object is being stored", values.pause, 0.0),)

SORTING = (
    Option(
        "S P",
        "-ss --sort-conc-studies PREFIX",
        "a directory per study, PREFIX_YYYYMMDD_HHMMSSmmm: when it began to come",
        not_with="sort_on_study_uid sort_on_patientname",
    ),
    Option(
        "S P",
        "-sp --sort-on-patientname",
        "a directory per study, NAME_YYYYMMDD_HHMMSSmmm",
        not_with="sort_on_study_uid sort_conc_studies",
    ),
    Option("S R", "-s --no-subdir", "no directories", sets=("series_date_subdir", False)),
    Option("S R", "+ssd --series-date-subdir", "directories data/YYYY/MM/DD of the Series Date, or undef/YYYYMMDD"),
)

NAMES = (
    Option("S P", "-tn --timenames", "the time, YYYYMMDDHHMMSSmmm", sets=("filenames", "time")),
    Option("M R", "+fd --default-filenames", "SOP Instance UID", default="uid", sets=("filenames", "uid")),
    Option("M R", "+fu --unique-filenames", "a new UID each time", sets=("filenames", "unique")),
    Option("M R", "+fsu --short-unique-names", "16 hexadecimal digits by chance", sets=("filenames", "short")),
    Option("M R", "+fst --system-time-names", "the time, YYYYMMDDHHMMSS.ffffff", sets=("filenames", "system-time")),
)

EVENTS = (
    Option(
        "S P",
        "-xcs --exec-on-eostudy COMMAND",
        "run a program, without a shell, when no more objects of a study come: with -tos after that time, else when "
        "the association that brought them ends; placeholders as -xcr, but for #f",
        needs="sort_on_study_uid sort_conc_studies sort_on_patientname",
    ),
    Option(
        "S P",
        "-tos --eostudy-timeout SECONDS",
        "after which a study is complete",
        values.seconds,
        needs="exec_on_eostudy",
    ),
)
