"""Storage commitment requests that were acknowledged and are not reported on yet, where no crash can take them.

A success response to the N-ACTION says that the request was received (PS3.4 J.3.2.1.3), so a report is owed from then
on. Each request is a file of its own in a directory, on the disk before the response leaves, and removed when somebody
has answered the report, or nobody could be reached in all attempts. A stop or a crash in between leaves it to the next
start.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from ...spec.values import value
from ..storage.publishing import Directory, Draft
from .commitment import Instance

SUFFIX = ".json"


@value
class PendingCommitment:
    """A request that was received."""

    transaction_uid: str
    """Transaction UID (0008,1195)."""
    instances: tuple[Instance, ...]
    """What is to be kept."""
    calling_ae_title: str
    """Who asked, and is to be told."""
    ae_title: str
    """Our own title."""

    @property
    def name(self) -> str:
        """Of its file: no text of a peer's."""
        return hashlib.sha256(self.transaction_uid.encode()).hexdigest() + SUFFIX

    def encode(self) -> bytes:
        """The file."""
        return json.dumps(
            {
                "transaction": self.transaction_uid,
                "asked-by": self.calling_ae_title,
                "asked": self.ae_title,
                "instances": self.instances,
            }
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> "PendingCommitment":
        """A file.

        Raises:
            ValueError: it is none of ours.
        """
        match json.loads(data):
            case {"transaction": str(uid), "asked-by": str(who), "asked": str(whom), "instances": [*pairs]}:
                return cls(uid, tuple(_instances(pairs)), who, whom)
        raise ValueError("no storage commitment request")


def _instances(pairs: list[object]) -> Iterator[Instance]:
    for pair in pairs:
        match pair:
            case [str(sop_class_uid), str(sop_instance_uid)]:
                yield sop_class_uid, sop_instance_uid
            case _:
                raise ValueError("not a SOP Class UID and a SOP Instance UID")


class CommitmentJournal:
    """The requests of one provider.

    Args:
        directory: for nothing else; made when there is something to keep.
    """

    def __init__(self, directory: "PathLike[str] | str") -> None:
        self._directory = Path(directory)

    def enter(self, pending: PendingCommitment) -> None:
        """Keep a request; returns when it is on the disk.

        Raises:
            OSError: it is not.
        """
        with Directory.open(self._directory, durable=True) as directory, contextlib.closing(Draft(directory)) as draft:
            draft.write(pending.encode())
            draft.sync()
            draft.replace(directory, pending.name)
            directory.sync()

    def strike(self, pending: PendingCommitment) -> None:
        """Forget a request. Should a crash bring it back, it is reported twice; its Transaction UID tells."""
        (self._directory / pending.name).unlink(missing_ok=True)

    def pending(self) -> tuple[list[PendingCommitment], list[str]]:
        """What a stop or a crash left, the oldest first; and the names of files that are none of ours, left alone.

        Raises:
            OSError: the directory cannot be read.
        """
        if not self._directory.is_dir():
            return [], []
        with Directory.open(self._directory, durable=True) as directory:
            directory.sweep()
        found: list[tuple[int, PendingCommitment]] = []
        unreadable: list[str] = []
        for entry in os.scandir(self._directory):
            if not entry.name.endswith(SUFFIX):
                continue
            try:
                data = Path(entry.path).read_bytes()
                found.append((entry.stat().st_mtime_ns, PendingCommitment.decode(data)))
            except (OSError, ValueError):
                unreadable.append(entry.name)
        return [pending for _, pending in sorted(found, key=lambda each: each[0])], sorted(unreadable)
