"""The rows of the option table that only the query and retrieve tools have: F findscu, G getscu, M movescu."""

from . import values
from .row import Option

KEYS = (
    Option(
        "M FGM",
        "-k --key KEY",
        "a key of the query: PatientName=DOE*, (0010,0020)=123, (0040,0100)[0].Modality=CT; without a value it matches "
        "everything and is asked for; on top of the query files; may be repeated",
        repeat=True,
    ),
)

MODELS = (
    Option("M F", "-W --worklist", "Modality Worklist", default="worklist", sets=("model", "worklist")),
    Option("M F", "-P --patient", "Patient Root", sets=("model", "patient")),
    Option("M GM", "-P --patient", "Patient Root", default="patient", sets=("model", "patient")),
    Option("M FGM", "-S --study", "Study Root", sets=("model", "study")),
    Option("R FGM", "-O --psonly", "Patient/Study Only (retired)", sets=("model", "patient-study-only")),
    Option("O FGM", "--model NAME", "another query model, by its name or SOP Class UID", sets="model"),
)

EXTENSIONS = (
    Option("O FGM", "--relational", "ask that the unique keys of higher levels may be left out (PS3.4 C.5)"),
    Option("O F", "--date-time-matching", "ask that ranges of date and time are taken together"),
    Option("O F", "--fuzzy-names", "ask for fuzzy matching of person names"),
    Option("O F", "--time-zone", "ask that Timezone Offset From UTC counts"),
    Option("O F", "--empty-values", 'ask that "" matches what is empty'),
    Option("O F", "--multiple-values", "ask that a key may have several values"),
    Option("O FGM", "--enhanced", "ask for the view with enhanced multi-frame images"),
)

MOVING = (
    Option("M M", "-aem --move TITLE", "AE title of who shall receive; without it our own", values.ae_title),
    Option("M M", "--no-port", "somebody else receives", sets=("listen_port", None)),
    Option(
        "M M",
        "+P --port PORT",
        "receive it here, on this port; the peer must know our title and port",
        values.listening_port,
        sets="listen_port",
    ),
)

CANCELLING = (Option("M FGM", "--cancel N", "cancel after N responses", values.whole(1)),)

RESPONSES = (
    Option("S F", "+sr --show-responses", "show each response with all its elements", sets=("responses", "shown")),
    Option("S F", "-sr --hide-responses", "show no response", sets=("responses", "hidden")),
    Option("M F", "-X --extract", "write each response to a DICOM file, rsp0001.dcm ..."),
    Option(
        "S F",
        "-Xx --extract-xml",
        "write each response to an XML file, rsp0001.xml ...: the Native DICOM Model (PS3.19 A.1)",
    ),
    Option("S F", "-Xs --extract-xml-single FILE", "write all responses to this XML file, in the output directory"),
    Option("S F", "-Xlo --limit-output N", "write N responses to files, no more", values.whole(1)),
)
