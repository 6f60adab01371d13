"""pynetdicom's DIMSE-N services, both roles, as `live_pynetdicom` is asked for them. Data sets are DICOM JSON."""

import threading
import time
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.dimse_messages import N_ACTION_RSP

COMMITMENT = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
HEARD: list[list[Any]] = []
"""What its handlers were asked: the operation, what it was about, and the data set."""
SYNTAXES = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]


def dataset(json: Any) -> Dataset | None:
    """A data set as it was asked for."""
    return None if json is None else Dataset.from_json(json)


def told(data: Dataset | None) -> Any:
    """A data set as it is told."""
    return data.to_json_dict() if data else None  # it makes an empty one of none


def heard(_options: dict[str, Any]) -> dict[str, Any]:
    """What the handlers were asked since this was asked last."""
    said, HEARD[:] = list(HEARD), []
    return {"heard": said}


def _note(event: Any, *what: Any) -> None:
    HEARD.append([event.event.name, *what])


def _handlers(answer: Dataset | None) -> list[Any]:
    """A handler for each of the six, which notes what it was asked and gives this answer."""

    def get(event: Any) -> Any:
        _note(event, event.request.RequestedSOPInstanceUID, [int(tag) for tag in event.attribute_identifiers])
        return 0x0000, answer

    def change(event: Any) -> Any:
        _note(event, event.request.RequestedSOPInstanceUID, told(event.modification_list))
        return 0x0000, answer

    def act(event: Any) -> Any:
        _note(event, event.action_type, told(event.action_information))
        return 0x0000, answer

    def create(event: Any) -> Any:
        _note(event, event.request.AffectedSOPInstanceUID, told(event.attribute_list))
        return 0x0000, answer

    def delete(event: Any) -> Any:
        _note(event, event.request.RequestedSOPInstanceUID)
        return 0x0000

    def report(event: Any) -> Any:
        _note(event, event.event_type, told(event.event_information))
        return 0x0000, answer

    return [
        *((evt.EVT_N_GET, get), (evt.EVT_N_SET, change), (evt.EVT_N_ACTION, act), (evt.EVT_N_CREATE, create)),
        *((evt.EVT_N_DELETE, delete), (evt.EVT_N_EVENT_REPORT, report)),
    ]


def _committing(ae: AE, port: int | None) -> list[Any]:
    """Commits itself to everything but UIDs that end in 9, and reports as soon as the N-ACTION is answered: on the same
    association, or on one of its own to a port."""
    asked: dict[Any, Dataset] = {}

    def act(event: Any) -> Any:
        asked[event.assoc] = event.action_information
        return 0x0000, None

    def sent(event: Any) -> None:
        if isinstance(event.message, N_ACTION_RSP):
            threading.Thread(target=report, args=(event.assoc, asked.pop(event.assoc)), daemon=True).start()

    def report(association: Any, information: Dataset) -> None:
        result, good, bad = Dataset(), [], []
        for item in information.ReferencedSOPSequence:
            if item.ReferencedSOPInstanceUID.endswith("9"):
                item.FailureReason = 0x0112
                bad.append(item)
            else:
                good.append(item)
        result.TransactionUID = information.TransactionUID
        result.ReferencedSOPSequence = good
        if bad:
            result.FailedSOPSequence = bad
        if port is not None:
            role = build_role(COMMITMENT, scp_role=True)
            association = ae.associate("127.0.0.1", port, ext_neg=[role])
        status, _ = association.send_n_event_report(result, 2 if bad else 1, COMMITMENT, COMMITMENT_INSTANCE)
        HEARD.append(["reported", status.get("Status")])
        if port is not None:
            association.release()

    return [(evt.EVT_N_ACTION, act), (evt.EVT_DIMSE_SENT, sent)]


def serve(ae: AE, options: dict[str, Any]) -> Any:
    """An SCP of these SOP classes; with `commit` one of storage commitment, that reports to a port or where asked."""
    for uid in options["classes"]:
        ae.add_supported_context(uid, SYNTAXES, scu_role=True, scp_role=True)
        ae.add_requested_context(uid, SYNTAXES)
    commit = options.get("commit")
    handlers = _handlers(dataset(options.get("answer"))) if commit is None else _committing(ae, commit or None)
    return ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)


def invoke(ae: AE, options: dict[str, Any]) -> dict[str, Any]:
    """Invoke operations, each a method's name and its arguments; then stay for a while and hear what we report."""
    roles = []
    for uid in options["classes"]:
        ae.add_requested_context(uid, SYNTAXES)
        roles.append(build_role(uid, scu_role=True, scp_role=True))
    association = ae.associate(
        "127.0.0.1",
        options["port"],
        ext_neg=roles if options.get("roles") else [],
        evt_handlers=[pair for pair in _handlers(None) if pair[0] is evt.EVT_N_EVENT_REPORT],
    )
    answers = []
    for name, *arguments in options["calls"]:
        given = [dataset(each) if isinstance(each, dict) else each for each in arguments]
        said = getattr(association, name)(*given)
        status, data = (said, None) if name == "send_n_delete" else said
        answers.append([status.get("Status"), told(data)])
    end = time.monotonic() + options.get("stay", 0.0)
    while time.monotonic() < end and not HEARD:
        time.sleep(0.01)  # before the next look
    association.release()
    return {"answers": answers}
