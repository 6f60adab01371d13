"""pynetdicom's Query/Retrieve, both roles, as `live_pynetdicom` is asked for it. Data sets are DICOM JSON."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt

ROOTS = ("1.2.840.10008.5.1.4.1.2.1", "1.2.840.10008.5.1.4.1.2.2")
WORKLIST = "1.2.840.10008.5.1.4.31"
KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "PatientID", "PatientName", "SOPInstanceUID", "SOPClassUID")
CANCELLED = threading.Event()
"""Whether a handler has seen a C-CANCEL."""


def serve(ae: AE, options: dict[str, Any]) -> Any:
    """An archive of a few files, or of endless matches."""
    files = [dcmread(path) for path in options.get("files", [])]
    CANCELLED.clear()

    def matches(event: Any) -> list[Dataset]:
        wanted = event.identifier.get("StudyInstanceUID")
        return [each for each in files if not wanted or each.StudyInstanceUID == wanted]

    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        if options.get("status"):
            yield options["status"], None
            return
        for number in range(options.get("endless", 1)):
            for each in matches(event):
                if event.is_cancelled:
                    CANCELLED.set()
                    yield 0xFE00, None
                    return
                match = Dataset()
                match.QueryRetrieveLevel = event.identifier.get("QueryRetrieveLevel", "")
                for keyword in KEYWORDS:
                    setattr(match, keyword, each.get(keyword))
                match.InstanceNumber = number
                yield 0xFF00, match
                if "endless" in options:
                    time.sleep(0.002)  # an archive has to look; without it the thread that reads has no turn

    def send(event: Any) -> Iterator[Any]:
        if event.event is evt.EVT_C_MOVE:
            yield (
                tuple(options["destinations"][event.move_destination.strip()])
                if (event.move_destination.strip() in options["destinations"])
                else (None, None)
            )
        found = matches(event)
        yield len(found)
        for each in found:
            if event.is_cancelled:
                CANCELLED.set()
                yield 0xFE00, None
                return
            yield 0xFF00, each
            time.sleep(options.get("pause", 0.0))  # seconds: an archive has to read; the thread that hears has its turn

    for root in ROOTS:
        for operation in (1, 2, 3):
            ae.add_supported_context(f"{root}.{operation}")
    ae.add_supported_context(WORKLIST)
    for each in files:
        uids = [each.file_meta.TransferSyntaxUID]
        ae.add_supported_context(each.SOPClassUID, uids, scu_role=True, scp_role=True)
        ae.add_requested_context(each.SOPClassUID, uids)
    handlers = [(evt.EVT_C_FIND, find), (evt.EVT_C_MOVE, send), (evt.EVT_C_GET, send)]
    return ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)


def serve_worklist(ae: AE, options: dict[str, Any]) -> Any:
    """A worklist of a few items, which are told apart by modality."""
    items = [Dataset.from_json(item) for item in options["items"]]

    def find(event: Any) -> Iterator[tuple[int, Dataset]]:
        (step,) = event.identifier.ScheduledProcedureStepSequence
        for item in items:
            if step.get("Modality") in ("", None, item.ScheduledProcedureStepSequence[0].Modality):
                yield 0xFF00, item

    ae.add_supported_context(WORKLIST)
    return ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find)])


def find(ae: AE, options: dict[str, Any]) -> dict[str, Any]:
    """C-FIND, cancelled after some matches if that is asked for."""
    model = options["model"]
    association = ae.associate("127.0.0.1", options["port"], contexts=[build_context(model)], ae_title="DULCET")
    statuses, matches = [], []
    for status, match in association.send_c_find(Dataset.from_json(options["identifier"]), model, msg_id=7):
        statuses.append(status.get("Status"))
        matches += [match.to_json_dict()] if match else []
        if len(matches) == options.get("cancel"):
            association.send_c_cancel(7, query_model=model)
    association.release()
    return {"statuses": statuses, "matches": matches}


def cancelled(_options: dict[str, Any]) -> dict[str, Any]:
    """Whether a handler has seen a C-CANCEL."""
    return {"cancelled": CANCELLED.wait(20.0)}
