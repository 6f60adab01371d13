"""The promise behind 0x0000, tried from all sides: kills, failures of every system call, full disks, power failures.

What must hold at any moment: a name in the store has a whole object behind it, and an object that was acknowledged is
there, whatever happened since.
"""

import errno
import json
import os
import random
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from data_sets import CT, EXPLICIT, data_set
from dulcet.services.shutdown import SHUTDOWN
from dulcet.services.storage import publishing
from dulcet.services.storage.incoming import FileStore
from dulcet.services.storage.part10 import peek
from dulcet.services.storage.publishing import TEMPORARY_PREFIX, Directory, Draft
from wire_peers import SECONDS, Caller, message, store_request

from dulcet import SCU, AssociationRejected, Entity

MODES = pytest.mark.parametrize("mode", ["durable", "crash-safe"])
DRAFTS = pytest.mark.parametrize("unnamed", [True, False], ids=["unnamed drafts", "named drafts"])

PIXELS = 128 << 10


def versioned(uid, version):
    """An instance whose every byte of pixel data tells which version it is."""
    return data_set(uid, pixels=bytes([version]) * PIXELS)


def receive(store, encoded, uid):
    incoming = store.begin(sop_class_uid=CT, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT)
    for start in range(0, len(encoded), 16372):
        incoming.write(encoded[start : start + 16372])
    return incoming.finish()


def objects(directory):
    """The data sets behind the names of a store, which must all be whole."""
    found = {}
    for path in Path(directory).rglob("*"):
        if path.is_file() and not path.name.startswith(TEMPORARY_PREFIX):
            contents = path.read_bytes()
            encoded = contents[peek(contents).dataset_offset :]
            uid = path.name.removeprefix("CT.").partition("-")[0]
            assert encoded == versioned(uid, encoded[-1]), f"{path} is not whole"
            found.setdefault(uid, set()).add(encoded[-1])
    return found


# kill -9 -------------------------------------------------------------------------------------------------------------


def write_until_killed(directory, mode, unnamed, acknowledge, seed):
    """The life of a child: store, resend, resend something else; report each acknowledged version."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    store = FileStore(directory, mode=mode, low_space=0)
    store.root.unnamed_files &= unnamed
    store.sweep()
    while True:
        number, version = chance.randrange(40), chance.choice((1, 1, 1, 2))
        outcome = receive(store, versioned(f"1.2.{number}", version), f"1.2.{number}")
        if outcome.status == 0:
            os.write(acknowledge, bytes((number, version)))


def killed_after(seconds, directory, mode, unnamed, seed):
    """Fork such a child, kill it, and return what it acknowledged."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write_until_killed(directory, mode, unnamed, writer, seed)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        first = pipe.read(2)
        time.sleep(seconds)  # the moment is what a seed varies
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        told = first + pipe.read()
    return {(f"1.2.{told[i]}", told[i + 1]) for i in range(0, len(told) - 1, 2)}


@MODES
@DRAFTS
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_kill_9_damages_nothing_that_was_acknowledged(tmp_path, mode, unnamed):
    chance = random.Random(mode)  # noqa: S311 - nothing secret
    acknowledged = 0
    for kill in range(25):
        directory = tmp_path / str(kill // 5)  # five lives in each directory
        told = killed_after(chance.uniform(0, 0.02), directory, mode, unnamed, seed=kill)
        acknowledged += len(told)
        found = objects(directory)
        assert {(uid, version) for uid, version in told if version not in found.get(uid, ())} == set()
        with FileStore(directory, low_space=0) as store:
            store.sweep()
        assert not [name for name in os.listdir(directory) if name.startswith(TEMPORARY_PREFIX)]
    assert acknowledged > 25


# The nth operation fails ---------------------------------------------------------------------------------------------


class System:
    """Stands where `publishing` has `os`: passes calls on, and makes the nth of them fail."""

    WATCHED = ("open", "writev", "pread", "fsync", "link", "rename", "unlink", "mkdir", "close", "fstat", "fstatvfs")

    def __init__(self, fail_at=0, number=errno.EIO, most_bytes=None):
        self.calls = 0
        self.fail_at = fail_at
        self.number = number
        self.most_bytes = most_bytes
        self.failed = ""

    def __getattr__(self, name):
        real = getattr(os, name)
        return real if name not in self.WATCHED else lambda *args, **kw: self.call(name, real, args, kw)

    def call(self, name, real, args, kw):
        self.calls += 1
        if self.calls == self.fail_at:
            self.failed = name
            if name == "close":
                real(*args)  # a failing close closes nevertheless
            raise OSError(self.number, os.strerror(self.number))
        if name == "writev" and self.most_bytes is not None:
            return os.write(args[0], bytes(args[1][0][: self.most_bytes]))
        return real(*args, **kw)


def whole_life(store):
    """Something of everything: new, again, and different."""
    return [
        receive(store, versioned("1.2.1", 1), "1.2.1"),
        receive(store, versioned("1.2.1", 1), "1.2.1"),
        receive(store, versioned("1.2.1", 2), "1.2.1"),
    ]


FAILURES = [(mode, number) for mode in ("durable", "crash-safe") for number in ("ENOSPC", "EIO")]
"""Durable runs wait for a real disk, so they are made with two errors; which error it is changes no path."""
FAILURES += [("crash-safe", number) for number in ("EROFS", "EACCES", "EMFILE", "EDQUOT")]


@pytest.mark.parametrize(("mode", "number"), FAILURES)
@DRAFTS
@pytest.mark.parametrize("sort", [None, "study"])
def test_the_nth_system_call_fails(tmp_path, monkeypatch, mode, number, unnamed, sort):
    descriptors = len(os.listdir("/proc/self/fd"))
    failed = set()
    for fail_at in count(1):
        directory = tmp_path / str(fail_at)
        with FileStore(directory, mode=mode, sort_on_study_uid=sort, low_space=1) as store:
            store.root.unnamed_files &= unnamed
            system = System(fail_at, getattr(errno, number))
            with monkeypatch.context() as patch:
                patch.setattr(publishing, "os", system)
                outcomes = whole_life(store)
            for outcome, version in zip(outcomes, (1, 1, 2), strict=True):
                assert outcome.status in (0, 0xA700)
                assert outcome.status or version in objects(directory)["1.2.1"]
                assert not (outcome.status and str(directory) in outcome.error_comment)
            objects(directory)
            store.sweep()
            assert [outcome.status for outcome in whole_life(store)] == [0, 0, 0]
            assert objects(directory) == {"1.2.1": {1, 2}}
            assert sum(path.is_file() for path in directory.rglob("*")) == 2
        shutil.rmtree(directory)
        if not system.failed:
            break
        failed.add(system.failed)
    assert failed >= {"open", "writev", "pread", "link", "close", "fstatvfs"}
    assert ("fsync" in failed) == (mode == "durable")
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.parametrize("most_bytes", [1000, 65_535])
def test_short_writes_are_continued(tmp_path, monkeypatch, most_bytes):
    with FileStore(tmp_path / "s", mode="crash-safe", low_space=0) as store, monkeypatch.context() as patch:
        patch.setattr(publishing, "os", System(most_bytes=most_bytes))
        assert receive(store, versioned("1.2.1", 1), "1.2.1").status == 0
    assert objects(tmp_path / "s") == {"1.2.1": {1}}


# Real limits ---------------------------------------------------------------------------------------------------------


@MODES
@DRAFTS
def test_a_file_size_limit_of_the_kernel(tmp_path, mode, unnamed):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with FileStore(tmp_path / "s", mode=mode, low_space=0) as store:
        store.root.unnamed_files &= unnamed
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            outcome = receive(store, versioned("1.2.1", 1), "1.2.1")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (outcome.status, outcome.error_comment) == (0xA700, "File too large")
        assert os.listdir(tmp_path / "s") == []
        assert receive(store, versioned("1.2.1", 1), "1.2.1").status == 0


ON_A_FULL_DISK = """
import sys
sys.path.insert(0, sys.argv[2])
import os
from test_durability import *
with FileStore(sys.argv[1], low_space=0) as store:
    statuses = [receive(store, versioned(f"1.2.{n}", 1), f"1.2.{n}").status for n in range(12)]
    stored = statuses.index(0xA700)
    assert stored > 3 and set(statuses[stored:]) == {0xA700}, statuses
    assert objects(sys.argv[1]) == {f"1.2.{n}": {1} for n in range(stored)}
    os.unlink(sys.argv[1] + "/CT.1.2.0")
    assert receive(store, versioned("1.2.0", 1), "1.2.0").status == 0
print("held")
"""


def test_a_full_disk(tmp_path):
    arguments = f"{tmp_path} {Path(__file__).parent}"
    mount = f'mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec {sys.executable} -c "$0" {arguments}'
    run = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, ON_A_FULL_DISK],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare:" in run.stderr or "mount:" in run.stderr:
        pytest.skip(f"this machine gives us no file system to fill: {run.stderr.strip()}")
    assert (run.stdout, run.stderr) == ("held\n", "")


# Power failures ------------------------------------------------------------------------------------------------------


@dataclass
class Inode:
    """What a power failure spares of a file or directory: no more than was synced."""

    written: int = 0
    synced: int = 0
    names: dict = field(default_factory=dict)
    synced_names: dict = field(default_factory=dict)


class Disk(System):
    """Watches the calls and keeps the books of a disk that loses whatever was not synced, and may keep it, too."""

    def __init__(self):
        super().__init__()
        self.inodes = {}

    def inode(self, fd):
        status = os.fstat(fd)
        return self.inodes.setdefault((status.st_dev, status.st_ino), Inode())

    def of_path(self, path, directory):
        status = os.stat(path, dir_fd=directory)
        return self.inodes.setdefault((status.st_dev, status.st_ino), Inode())

    def call(self, name, real, args, kw):
        source = self.of_path(args[0], kw.get("src_dir_fd")) if name in ("link", "rename") else None
        result = real(*args, **kw)
        if name == "open" and args[1] & os.O_TMPFILE == os.O_TMPFILE:
            self.inodes.pop((os.fstat(result).st_dev, os.fstat(result).st_ino), None)  # an inode number used again
        elif name == "writev":
            self.inode(args[0]).written += result
        elif name == "fsync":
            inode = self.inode(args[0])
            inode.synced = inode.written
            inode.synced_names = dict(inode.names)
        elif name in ("link", "rename"):
            self.appears(source, args[1], self.inode(kw["dst_dir_fd"]))
        elif name == "mkdir":
            self.inode(kw["dir_fd"]).names[args[0]] = self.of_path(args[0], kw["dir_fd"])
        elif name == "unlink":
            self.inode(kw["dir_fd"]).names.pop(args[0], None)
        return result

    def appears(self, inode, name, directory):
        """From now on the name may outlive a power failure, so the bytes must."""
        directory.names[name] = inode
        if not name.startswith(TEMPORARY_PREFIX):
            assert inode.synced == inode.written, f"{name} could outlive a part of its bytes"

    def survives(self, root, path):
        """Whether a file acknowledged now is found after a power failure."""
        inode = self.inode(root.fd)
        for part in path.parts:
            if part not in inode.synced_names:
                return False
            inode = inode.synced_names[part]
        return inode.synced == inode.written


def survival(monkeypatch, directory, *, unnamed=True, sort=None, same_uid="keep-both"):
    """Store under a disk that loses everything it may, and check each acknowledged object in that moment."""
    disk = Disk()
    with FileStore(directory, sort_on_study_uid=sort, same_uid=same_uid, low_space=0) as store:
        store.root.unnamed_files &= unnamed
        monkeypatch.setattr(publishing, "os", disk)
        for uid, version in (("1.2.1", 1), ("1.2.1", 1), ("1.2.1", 2), ("1.2.1", 2), ("1.2.2", 1)):
            outcome = receive(store, versioned(uid, version), uid)
            assert outcome.status == 0
            yield disk.survives(store.root, outcome.path.relative_to(directory))


@DRAFTS
@pytest.mark.parametrize("sort", [None, "study"])
@pytest.mark.parametrize("same_uid", ["keep-both", "replace"])
def test_what_was_acknowledged_survives_a_power_failure(tmp_path, monkeypatch, unnamed, sort, same_uid):
    assert all(survival(monkeypatch, tmp_path / "s", unnamed=unnamed, sort=sort, same_uid=same_uid))


def test_a_directory_somebody_else_made_is_synced_as_well(tmp_path, monkeypatch):
    disk = Disk()
    with FileStore(tmp_path / "s", sort_on_study_uid="", low_space=0) as store, monkeypatch.context() as patch:
        patch.setattr(publishing, "os", disk)
        store.root.child("1.2.3.9", durable=False).close()  # another process, that has not come to its fsync
        outcome = receive(store, versioned("1.2.1", 1), "1.2.1")
        assert disk.survives(store.root, outcome.path.relative_to(tmp_path / "s"))


def test_a_file_somebody_else_did_not_sync_is_not_called_identical_unsynced(tmp_path, monkeypatch):
    with FileStore(tmp_path / "s", mode="crash-safe", low_space=0) as hasty:
        receive(hasty, versioned("1.2.1", 1), "1.2.1")
    synced = []
    monkeypatch.setattr(publishing.Reader, "sync", lambda self: synced.append(self))
    with FileStore(tmp_path / "s", low_space=0) as store:
        assert receive(store, versioned("1.2.1", 1), "1.2.1").outcome == "identical"
    assert len(synced) == 1


def test_the_books_notice_a_missing_sync(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Directory, "sync", lambda self: None)
        assert not all(survival(patch, tmp_path / "names"))
    with monkeypatch.context() as patch:
        patch.setattr(Draft, "sync", lambda self: None)
        with pytest.raises(AssertionError, match="could outlive"):
            list(survival(patch, tmp_path / "bytes"))


def test_new_directories_are_synced_into_their_parents(tmp_path, monkeypatch):
    disk = Disk()
    monkeypatch.setattr(publishing, "os", disk)
    with FileStore(tmp_path / "a" / "b" / "c", low_space=0):
        pass
    inode = disk.of_path(tmp_path, None)
    for part in ("a", "b", "c"):
        inode = inode.synced_names[part]


def test_a_directory_that_cannot_be_is_told_by_its_whole_path(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for wanted in (file, file / "a" / "b"):
        with pytest.raises(NotADirectoryError) as caught:
            FileStore(wanted)
        assert caught.value.filename == str(wanted)


def test_directories_are_remembered_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "_REMEMBERED", 2)
    with Directory.open(tmp_path / "s", durable=True) as root, monkeypatch.context() as patch:
        system = System()
        patch.setattr(publishing, "os", system)
        counts = []
        for name in "aabbcca":
            before = system.calls
            root.child(name, durable=True).close()
            counts.append(system.calls - before)
    known, new = min(counts), max(counts)
    assert counts == [new, known, new, known, new, known, new]


# The kernel's own record ---------------------------------------------------------------------------------------------

UNDER_STRACE = """
import sys
sys.path.insert(0, sys.argv[2])
from test_durability import *
store = FileStore(sys.argv[1], low_space=0)
os.write(1, b"begin")
outcome = receive(store, versioned("1.2.1", 1), "1.2.1")
os.write(1, b"respond")
"""


def test_the_order_of_system_calls(tmp_path):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: the order of system calls was checked by the books alone")
    record = tmp_path / "record"
    run = subprocess.run(
        [strace, "-f", "-y", "-o", record, "-e", "trace=write,writev,fsync,linkat",
         sys.executable, "-c", UNDER_STRACE, tmp_path / "s", Path(__file__).parent],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if run.returncode and "ptrace" in run.stderr.lower():
        pytest.skip(f"this machine lets strace trace nothing: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    lines = record.read_text().split("begin", 1)[1].splitlines()[1:]
    calls = [line.split(maxsplit=1)[1] for line in lines if str(tmp_path / "s") in line or "respond" in line]
    kinds = [call.partition("(")[0] for call in calls]
    assert [kind for kind in kinds if kind != "writev"] == ["fsync", "linkat", "fsync", "write"]
    assert kinds.index("fsync") > max(i for i, kind in enumerate(kinds) if kind == "writev")
    assert f"<{tmp_path / 's'}>" in calls[-2]  # the last fsync is the directory's


def test_storescp_responds_when_the_directory_is_synced(tmp_path):
    """The tool itself, under strace: its C-STORE-RSP leaves after the fsync of the directory that has the name."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: when storescp responds was not looked at")
    record, told, inbox = tmp_path / "record", tmp_path / "told", tmp_path / "in"
    inbox.mkdir()
    server = [sys.executable, "-m", "dulcet", "storescp", "--json", "--allow-shutdown", "-od", inbox, "0"]
    traced = [strace, "-I2", "-f", "-y", "-o", record, "-e", "trace=fsync,linkat,sendto,sendmsg,write,writev", *server]
    with (
        told.open("w") as stderr,
        subprocess.Popen(
            traced, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as running,
    ):
        first = running.stdout.readline()
        if not first and "ptrace" in (complaint := told.read_text()).lower():
            pytest.skip(f"this machine lets strace trace nothing: {complaint.strip()}")
        try:
            with Caller(json.loads(first)["port"]) as peer:
                peer.associate("STORESCP")
                peer.send(message(3, store_request(1, "1.2.1"), versioned("1.2.1", 1)))
                assert peer.response().status == 0x0000
                peer.release()
            with pytest.raises(AssociationRejected):
                SCU().associate(Entity.local("STORESCP", json.loads(first)["port"]), [SHUTDOWN])
            running.wait(SECONDS)
        finally:
            running.terminate()
    calls = [line.split(maxsplit=1)[1] for line in record.read_text().splitlines()]
    published = next(i for i, call in enumerate(calls) if call.startswith("linkat(") and "CT.1.2.1" in call)
    sent = [i for i, call in enumerate(calls) if re.match(r"(sendto|sendmsg|write|writev)\(\d+<(socket|TCP)", call)]
    assert len(sent) == 4  # A-ASSOCIATE-AC, C-STORE-RSP, A-RELEASE-RP; A-ASSOCIATE-RJ of the shutdown
    synced = next(i for i, call in enumerate(calls) if i > published and "fsync(" in call and f"<{inbox}>" in call)
    assert [i for i in sent if i > synced] == sent[1:]


def test_a_published_file_is_a_regular_file_of_one_link(tmp_path):
    with FileStore(tmp_path / "s", low_space=0) as store:
        status = receive(store, versioned("1.2.1", 1), "1.2.1").path.stat()
    assert stat.S_ISREG(status.st_mode)
    assert status.st_nlink == 1
