"""Identifiers of queries: keys with values to match, and empty ones to return (PS3.4 C.2.2.1, C.4.1.1.3)."""

from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from ...acse.agreement import AcceptedContext, Agreement
from ...dul.errors import LocalProtocolError
from ..steps import context_for
from . import models as query_models
from .models import PATIENT, Verb, model_of


def keys(**values: Any) -> Dataset:
    """A data set from keywords of the data dictionary: `keys(PatientID="123", StudyDate="")`.

    Raises:
        LocalProtocolError: a keyword is none.
    """
    dataset = Dataset()
    for keyword, value in values.items():
        if tag_for_keyword(keyword) is None:
            raise LocalProtocolError(f"{keyword!r} is no keyword of the data dictionary (PS3.6)")
        setattr(dataset, keyword, value)
    return dataset


def identifier(level: str = "", /, **values: Any) -> Dataset:
    """The identifier of a query (PS3.4 C.4.1.1.3).

    A key with a value is matched, an empty one asks to be returned. The unique key of the level is always asked for;
    where no other is, what is usually wanted at that level.

    Args:
        level: Query/Retrieve Level, "PATIENT", "STUDY", "SERIES" or "IMAGE"; "" leaves it out (worklists).
        values: keys by their keywords.

    Raises:
        LocalProtocolError: no such level, or no such keyword.
    """
    dataset = keys(**values)
    if not level:
        return dataset if values else worklist_identifier()
    level = level.upper()
    if level not in query_models.RETURN_KEYS:
        known = ", ".join(query_models.RETURN_KEYS)
        raise LocalProtocolError(f"{level!r} is no level of a query; levels are {known} (PS3.4 C.3)")
    wanted: tuple[str, ...] = (query_models.UNIQUE_KEYS[level],)
    if all(element.value not in (None, "", []) for element in dataset):
        wanted += query_models.RETURN_KEYS[level]
    for keyword in wanted:
        if keyword not in dataset:
            setattr(dataset, keyword, "")
    dataset.QueryRetrieveLevel = level
    return dataset


def worklist_identifier() -> Dataset:
    """What is usually wanted of every scheduled procedure step (PS3.4 K.6.1.2.2)."""
    step = keys(**dict.fromkeys(query_models.SCHEDULED_STEP_KEYS, ""))
    return keys(**dict.fromkeys(query_models.WORKLIST_KEYS, ""), ScheduledProcedureStepSequence=[step])


def default_model(dataset: Dataset) -> str:
    """The model an identifier is most likely meant for: by its level; without one it is a worklist's."""
    level = dataset.get("QueryRetrieveLevel")
    return "worklist" if not level else "patient" if level == PATIENT else "study"


def query_context(agreement: Agreement, verb: Verb, model: str | None, dataset: Dataset) -> AcceptedContext:
    """The accepted context for an operation: that of the model; where none is named, the first that fits.

    Raises:
        NoAcceptedContext: there is none.
        LocalProtocolError: there is no such model.
    """
    if model is not None:
        return context_for(agreement, query_models.model(verb, model))
    level = dataset.get("QueryRetrieveLevel")
    for uid in query_models.uids(verb):
        known = model_of(uid)
        if (
            known is not None
            and agreement.context_for(uid)
            and (level in known.levels or (not level and not known.levels))
        ):
            return context_for(agreement, uid)
    return context_for(agreement, query_models.model(verb, default_model(dataset)))
