"""pynetdicom as a user of Query/Retrieve: C-FIND and C-GET, for `live_pynetdicom`."""

from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made when pynetdicom is imported
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)


def identifier(keys: dict[str, Any]) -> Dataset:
    """A data set of these keywords and values."""
    found = Dataset()
    for keyword, value in keys.items():
        setattr(found, keyword, value)
    return found


def find(ae: AE, options: dict[str, Any]) -> dict[str, Any]:
    """C-FIND in the study root: statuses, and the matches as keywords and text."""
    model = StudyRootQueryRetrieveInformationModelFind
    association = ae.associate(
        "127.0.0.1", options["port"], contexts=[build_context(model)], ae_title=options["called"]
    )
    statuses, matches = [], []
    for status, match in association.send_c_find(identifier(options["keys"]), model):
        statuses.append(status.Status)
        if match is not None:
            matches.append({element.keyword: str(element.value) for element in match})
    association.release()
    return {"statuses": statuses, "matches": matches}


def get(ae: AE, options: dict[str, Any]) -> dict[str, Any]:
    """C-GET in the study root: statuses, and the instances that came."""
    model = StudyRootQueryRetrieveInformationModelGet
    stored: list[str] = []

    def store(event: Any) -> int:
        stored.append(event.dataset.SOPInstanceUID)
        return 0

    association = ae.associate(
        "127.0.0.1", options["port"], contexts=[build_context(model), *map(build_context, options["classes"])],
        ae_title=options["called"], ext_neg=[build_role(uid, scp_role=True) for uid in options["classes"]],
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )  # fmt: skip
    statuses = [status.Status for status, _ in association.send_c_get(identifier(options["keys"]), model)]
    association.release()
    return {"statuses": statuses, "stored": stored}
