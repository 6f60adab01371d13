"""Our SCP as an archive for live peers: everything it stores and hears is there to be asked about."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from dulcet.acse.agreement import Agreement
from dulcet.acse.events import Aborted, Established, Rejected, Released
from dulcet.services.service import Caller
from dulcet.services.storage.outcome import StoreOutcome
from live_peers import until

from dulcet import SCP, Entity, FileStore, Service, Storage, Timeouts, Verification


class Archive:
    """A storage and verification SCP in this process."""

    def __init__(
        self,
        folder: Path,
        trace: Callable[..., None],
        *,
        storage: Callable[..., Storage] = Storage,
        services: Sequence[Service] = (),
        transfer_syntaxes: tuple[str, ...] | None = None,
        **options: Any,
    ) -> None:
        self.outcomes: list[StoreOutcome] = []
        self.events: list[Any] = []
        self._store = FileStore(folder / "archive", mode="crash-safe", digest=True, low_space=0, same_uid="keep-both")
        self._storage = storage(
            self._store, on_stored=self._stored, promiscuous=True, transfer_syntaxes=transfer_syntaxes
        )
        options = {"timeouts": Timeouts(artim=2.0)} | options
        self._scp = SCP(
            "DULCET", [*services, Verification(), self._storage], trace=trace, on_event=self._heard, **options
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._running = self._stack.enter_context(self._scp.running())
        self._stack.callback(self._running.stop, 1.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._store.close()

    def _stored(self, caller: Caller, outcome: StoreOutcome) -> None:
        self.outcomes.append(outcome)

    def _heard(self, address: tuple[Any, ...], event: Any) -> None:
        if isinstance(event, Established | Released | Rejected | Aborted):
            self.events.append(event)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._running.port

    @property
    def entity(self) -> Entity:
        """How to reach it."""
        return self._running.entity

    @property
    def digests(self) -> list[str]:
        """SHA-256 of the data sets it received and stored."""
        return sorted(outcome.digest for outcome in self.outcomes if outcome.status == 0)

    @property
    def files(self) -> list[Path]:
        """What lies in its directory, temporary files included."""
        return [path for path in Path(self._store.directory).rglob("*") if path.is_file()]

    @property
    def agreement(self) -> Agreement:
        """What was agreed last."""
        return next(event.agreement for event in reversed(self.events) if isinstance(event, Established))

    def stopped(self) -> bool:
        """Whether it has ended, because a peer asked for it."""
        return self._running.wait(10.0)

    def ending(self, number: int = 1) -> Any:
        """How the number-th association (or attempt) ended; waits for it."""

        def ends() -> list[Any]:
            return [event for event in self.events if not isinstance(event, Established)]

        until(lambda: len(ends()) >= number, "the association to end")
        return ends()[number - 1]
