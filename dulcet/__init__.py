"""dulcet: DICOM networking whose heart is the standard's own state table (PS3.8 Table 9-10).

This is only the front door: public names are loaded on first use (PEP 562), so that `import dulcet` costs nothing.
In a source checkout the layers lie beside this folder, not inside it; appending the checkout to `__path__`
makes `dulcet.dul` and the others importable from a clone of any name. An installed wheel has them inside.
"""

from importlib import import_module
from os import path as _path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .acse.agreement import Agreement as Agreement
    from .acse.association import Association as Association
    from .acse.association import Timeouts as Timeouts
    from .acse.policy import Policy as Policy
    from .dimse.exchange import Exchange as Exchange
    from .dimse.status import Status as Status
    from .dul.errors import LocalProtocolError as LocalProtocolError
    from .dul.errors import ProtocolError as ProtocolError
    from .dul.upper_layer import UpperLayer as UpperLayer
    from .services import aio as aio
    from .services.archive.archive import Archive as Archive
    from .services.entities import Entities as Entities
    from .services.entity import Entity as Entity
    from .services.errors import AssociationAborted as AssociationAborted
    from .services.errors import AssociationError as AssociationError
    from .services.errors import AssociationRejected as AssociationRejected
    from .services.errors import AssociationReleased as AssociationReleased
    from .services.errors import AssociationTimeout as AssociationTimeout
    from .services.errors import ConnectionFailed as ConnectionFailed
    from .services.errors import NoAcceptedContext as NoAcceptedContext
    from .services.normalized.commitment import CommitmentReports as CommitmentReports
    from .services.normalized.commitment import CommitmentResult as CommitmentResult
    from .services.normalized.commitment_scp import StorageCommitment as StorageCommitment
    from .services.normalized.normalized import Normalized as Normalized
    from .services.normalized.normalized import NormalizedOperation as NormalizedOperation
    from .services.normalized.normalized import NResult as NResult
    from .services.normalized.normalized import ServiceFailure as ServiceFailure
    from .services.normalized.procedure_step import ProcedureSteps as ProcedureSteps
    from .services.normalized.procedure_step import StepNotifications as StepNotifications
    from .services.query.builder import QueryBuilder as QueryBuilder
    from .services.query.models import QueryExtension as QueryExtension
    from .services.query.query import Match as Match
    from .services.query.query import Query as Query
    from .services.query.query import QueryFailed as QueryFailed
    from .services.query.retrieve import Retrieve as Retrieve
    from .services.query.retrieve_scu import Progress as Progress
    from .services.query.retrieve_scu import RetrieveResult as RetrieveResult
    from .services.scp import SCP as SCP
    from .services.scu import SCU as SCU
    from .services.service import Operation as Operation
    from .services.service import Service as Service
    from .services.shutdown import Shutdown as Shutdown
    from .services.storage.incoming import FileStore as FileStore
    from .services.storage.storage import Storage as Storage
    from .services.storage.stored_files import StoredFiles as StoredFiles
    from .services.storage.user import StoreResult as StoreResult
    from .services.verification import Verification as Verification

_root = _path.dirname(__path__[0])
if _path.exists(f"{_root}/spec/upper_layer.toml") and not _path.exists(f"{__path__[0]}/spec"):
    __path__.append(_root)

__version__ = "0.1.0"

_HOMES = {
    "SCU": "services.scu",
    "SCP": "services.scp",
    "Entity": "services.entity",
    "Verification": "services.verification",
    "Storage": "services.storage.storage",
    "StoreResult": "services.storage.user",
    "FileStore": "services.storage.incoming",
    "Entities": "services.entities",
    "Query": "services.query.query",
    "Match": "services.query.query",
    "QueryFailed": "services.query.query",
    "QueryExtension": "services.query.models",
    "Retrieve": "services.query.retrieve",
    "Progress": "services.query.retrieve_scu",
    "RetrieveResult": "services.query.retrieve_scu",
    "QueryBuilder": "services.query.builder",
    "Shutdown": "services.shutdown",
    "Normalized": "services.normalized.normalized",
    "NormalizedOperation": "services.normalized.normalized",
    "NResult": "services.normalized.normalized",
    "ServiceFailure": "services.normalized.normalized",
    "StorageCommitment": "services.normalized.commitment_scp",
    "StoredFiles": "services.storage.stored_files",
    "CommitmentReports": "services.normalized.commitment",
    "CommitmentResult": "services.normalized.commitment",
    "ProcedureSteps": "services.normalized.procedure_step",
    "StepNotifications": "services.normalized.procedure_step",
    "Archive": "services.archive.archive",
    "Service": "services.service",
    "Operation": "services.service",
    "Status": "dimse.status",
    "AssociationError": "services.errors",
    "ConnectionFailed": "services.errors",
    "AssociationRejected": "services.errors",
    "AssociationAborted": "services.errors",
    "AssociationReleased": "services.errors",
    "AssociationTimeout": "services.errors",
    "NoAcceptedContext": "services.errors",
    "ProtocolError": "dul.errors",
    "LocalProtocolError": "dul.errors",
    "UpperLayer": "dul.upper_layer",
    "Association": "acse.association",
    "Timeouts": "acse.association",
    "Policy": "acse.policy",
    "Agreement": "acse.agreement",
    "Exchange": "dimse.exchange",
}
"""Each public name and the module it lives in."""

__all__ = [*_HOMES, "aio", "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name == "aio":
        return import_module(".services.aio", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
