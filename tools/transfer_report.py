"""What dcmsend's reports say of a run: `+crf` for people, with what DCMTK's has, and `--report-json` for programs."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from ..dimse.status import Status
from ..services.errors import NoAcceptedContext
from ..services.storage.outgoing import OutgoingFile, Unsendable
from ..spec.values import value
from .bulk import Instance
from .storing import NOT_TRIED

_LABELS = {"success": "SUCCESS", "warning": "WARNING", "failure": "ERROR", "cancel": "CANCEL", "pending": "PENDING"}


@value
class Run:
    """All there is to report."""

    peer: str
    """`host:port`."""
    titles: tuple[str, str]
    """Calling and called AE title."""
    time: datetime
    """When it began."""
    instances: Sequence[Instance]
    """Every instance that could be sent, in its order."""
    refused: Sequence[Unsendable]
    """What could not."""
    already_there: Sequence[OutgoingFile]
    """What the peer had acknowledged to an earlier run."""
    associations: int
    """How many were made."""
    contexts: int
    """How many presentation contexts were proposed on them."""


def text(run: Run) -> str:
    """The report for people."""
    heading = "Detailed Report on the Transfer of Instances"
    lines = [heading, "=" * len(heading), ""]
    lines += [
        f"Communication Peer : {run.peer}",
        f"AE Titles used     : {run.titles[0]} -> {run.titles[1]}",
        f"Current Date/Time  : {run.time:%Y-%m-%d %H:%M:%S}",
        "",
    ]
    for instance in run.instances:
        lines += ["", *_instance(instance)]
    for number, file in enumerate(run.refused, len(run.instances) + 1):
        lines += [
            "",
            f"Number        : {number}",
            f"Filename      : {file.path}",
            f"DIMSE Status  : <not sent> {file.error}",
        ]
    return "\n".join([*lines, "", "", "Status Summary", "--------------", *summary(run), ""])


def _instance(instance: Instance) -> Iterator[str]:
    file, result = instance.file, instance.result
    yield f"Number        : {instance.number}"
    yield f"Filename      : {file.path}"
    yield f"SOP Instance  : {file.sop_instance_uid}"
    yield f"SOP Class     : {_named(file.sop_class_uid)}"
    yield f"Original Xfer : {_named(file.transfer_syntax_uid)}"
    yield f"Dataset Size  : {file.size} bytes"
    yield f"Association   : {instance.association or '<none>'}"
    yield f"Pres. Context : {instance.context_id or '<none>'}"
    sent = result is not None and result.status is not None
    yield f"Network Xfer  : {_named(result.transfer_syntax_uid) if sent and result else '<none>'}"
    yield f"DIMSE Status  : {_status(instance)}"


def _status(instance: Instance) -> str:
    result = instance.result
    if result is None or result.status is None:
        return f"<not sent> {NOT_TRIED if result is None else result.error}"
    words = Status.describe(result.status, "storage")
    comment = f" - {result.error}" if result.error else ""
    return f"0x{result.status:04X} ({words}){comment}"


def _named(uid: str) -> str:
    from pydicom.uid import UID

    known = UID(uid)
    name = known.keyword if known.type.startswith("SOP Class") else known.name
    return f"{uid} = {name}" if name and name != uid else uid


def summary(run: Run) -> Iterator[str]:
    """The figures, which stand at the end of the report and in the log."""
    statuses = [instance.result.status for instance in run.instances if instance.result is not None]
    sent = [status for status in statuses if status is not None]
    yield f"Number of associations   : {run.associations}"
    yield f"Number of pres. contexts : {run.contexts}"
    yield f"Number of SOP instances  : {len(run.instances) + len(run.already_there)}"
    if run.already_there:
        yield f"- acknowledged before    : {len(run.already_there)}"
    yield f"- sent to the peer       : {len(sent)}"
    refused = sum(_is_refused(status) for status in sent)
    counts = Counter(_LABELS[status.category] for status in sent if not _is_refused(status))
    for label, number in [*sorted(counts.items()), *([("REFUSED", refused)] if refused else [])]:
        yield f"  * with status {label:<8} : {number}"
    unsent = [instance for instance in run.instances if instance.result is None or instance.result.status is None]
    if unsent:
        yield f"- NOT sent to the peer   : {len(unsent)}"
        for label, number in sorted(Counter(map(_reason, unsent)).items()):
            yield f"  * {label:<21}: {number}"
    if run.refused:
        yield f"- files of no use        : {len(run.refused)}"


def _is_refused(status: int) -> bool:
    return 0xA700 <= status <= 0xA7FF or status == 0x0122


def _reason(instance: Instance) -> str:
    if instance.result is None:
        return "run ended before"
    return "no acceptable pres." if isinstance(instance.result.cause, NoAcceptedContext) else "file or association"


def as_json(run: Run) -> str:
    """The report for programs."""
    report = {
        "peer": run.peer,
        "calling_ae_title": run.titles[0],
        "called_ae_title": run.titles[1],
        "time": run.time.isoformat(timespec="seconds"),
        "associations": run.associations,
        "presentation_contexts": run.contexts,
        "instances": [_object(instance) for instance in run.instances],
        "acknowledged_before": [_about(file) for file in run.already_there],
        "refused": [{"file": str(file.path), "error": file.error} for file in run.refused],
    }
    return json.dumps(report, indent=1) + "\n"


def _about(file: OutgoingFile) -> dict[str, object]:
    return {
        "file": str(file.path),
        "sop_class_uid": file.sop_class_uid,
        "sop_instance_uid": file.sop_instance_uid,
        "transfer_syntax_uid": file.transfer_syntax_uid,
        "bytes": file.size,
    }


def _object(instance: Instance) -> dict[str, object]:
    result = instance.result
    return {
        "number": instance.number,
        **_about(instance.file),
        "association": instance.association or None,
        "presentation_context": instance.context_id or None,
        "network_transfer_syntax_uid": (result and result.transfer_syntax_uid) or None,
        "status": None if result is None or result.status is None else f"0x{result.status:04X}",
        "error": NOT_TRIED if result is None else result.error,
    }
