"""`dulcet conformance` against real peers: the quick cases, in both roles, and what was observed with each of them.

What differs from the standard stands in `tests/conformance/baselines`, by peer, version and role, with its manner: a
run fails when anything else is seen, and when something expected is seen no more. A version for which there is none is
told, and not judged. The whole catalogue against our own stack is `full_run`, in `tests/conformance`.

A step of its own in `.ci/run`, `python -m pytest --numprocesses=0 tests/live/conformance_smoke.py`: beside other tests
the peers answer too unevenly.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.command import main
from http_answers import server
from live_peers import SECONDS, Orthanc, Pynetdicom, Server
from live_peers import dcmtk as path_of

BASELINES = Path(__file__).parent.parent / "conformance" / "baselines"
QUICK = ("--strict", "--settle", "0.1", "--react", "1", "--jobs", "6", "--isolate", "--no-color")
"""Enough for peers on loopback; what fails next to other jobs is run again alone."""
SMOKE = sorted(each.id for each in registry().values() if "smoke" in each.tags and "R" in each.roles)
REQUESTOR = (*SMOKE, "S-R-05-04", "S-R-05-12", "S-R-05-16", "S-R-06-03", "S-R-06-16", "S-R-07-10", "S-R-07-13",
             "S-R-07-19", "AC-08", "AC-09", "AC-15", "AC-17", "RJ-03", "RL-09", "RL-10", "RL-12")  # fmt: skip
"""Nearly all of the smoke set is about acceptors; these are as quick."""
Proven = Callable[..., None]


def judged(folder: Path, baseline: str, command: str, *words: object) -> None:
    """Run the command: all is driven, and nothing is seen but what is allowed or stands in the baseline."""
    expected, report = BASELINES / f"{baseline}.toml", folder / "run.json"
    if not expected.exists():
        pytest.skip(f"this machine has a peer of another version, not judged: there is no {expected.name}")
    ours, theirs = list(map(str, words)), []
    if "--" in ours:
        ours, theirs = ours[: ours.index("--")], ours[ours.index("--") :]
    code = main([command, *QUICK, *ours, "--baseline", str(expected), "--json", str(report), *theirs])
    run = json.loads(report.read_text("utf-8"))
    told = [
        (each["id"], each["verdict"], each["signature"], each["expectation"], each["reason"])
        for each in run["results"]
        if each["outcome"] in ("FAILED", "UNDRIVEN", "ERROR") and each["expectation"] != "XFAIL"
    ]
    assert (code, told) == (0, []), f"{run['sanity']} {run['end_sanity']} {told}"


# DCMTK


def dcmtk_version() -> str:
    """As in "$dcmtk: storescp v3.6.7 2022-04-22 $"."""
    said = subprocess.run([path_of("storescp"), "--version"], capture_output=True, timeout=SECONDS, check=True).stdout
    return f"dcmtk-{said.split()[2].decode().removeprefix('v')}"


def test_dcmtk_storescp(dcmtk: None, tmp_path: Path, inbox: Path, proven: Proven) -> None:
    with Server([path_of("storescp"), "--fork", "-od", inbox, "PORT"], tmp_path / "log") as peer:
        judged(tmp_path, f"{dcmtk_version()}-acceptor", "acceptor", "127.0.0.1", peer.port, "tag:smoke")
    proven("DCMTK storescp", "judge", "dulcet conformance", "smoke")


def test_dcmtk_echoscu(dcmtk: None, tmp_path: Path, proven: Proven) -> None:
    command = [path_of("echoscu"), "-aec", "{aet}", "-to", 3, "-ta", 2, "-td", 2, "{host}", "{port}"]
    judged(tmp_path, f"{dcmtk_version()}-requestor", "requestor", *REQUESTOR, "--", *command)
    proven("DCMTK echoscu", "judge", "dulcet conformance", "smoke")


# Orthanc


def orthanc_version(orthanc: Orthanc) -> str:
    return f"orthanc-{json.loads(orthanc.get('/system'))['Version']}"


def test_orthanc_as_acceptor(orthanc: Orthanc, tmp_path: Path, proven: Proven) -> None:
    peer = ("127.0.0.1", orthanc.port, "--called", orthanc.title)
    judged(tmp_path, f"{orthanc_version(orthanc)}-acceptor", "acceptor", *peer, "tag:smoke")
    proven("Orthanc", "judge", "dulcet conformance", "smoke, as acceptor")


def test_orthanc_as_requestor(orthanc: Orthanc, tmp_path: Path, proven: Proven) -> None:
    url = f"http://127.0.0.1:{orthanc.http_port}/tools/dicom-echo"
    body = '{"AET": "{aet}", "Host": "{host}", "Port": {port}, "Timeout": 2}'
    trigger = ("--trigger-http", url, "--trigger-body", body)
    judged(tmp_path, f"{orthanc_version(orthanc)}-requestor", "requestor", *REQUESTOR, *trigger)
    proven("Orthanc", "judge", "dulcet conformance", "smoke, as requestor")


# pynetdicom


def pynetdicom_version() -> str:
    from importlib.metadata import version

    return f"pynetdicom-{version('pynetdicom')}"


def test_pynetdicom_storescp(pynetdicom: Pynetdicom, tmp_path: Path, inbox: Path, proven: Proven) -> None:
    times = ("-ta", 1, "-td", 4, "-tn", 4)
    command = [sys.executable, "-m", "pynetdicom", "storescp", "PORT", *times, "-od", inbox]
    # P-07 is left out: whether both responses come in front of the A-RELEASE-RP is a race there.
    with Server(command, tmp_path / "log") as peer:
        judged(tmp_path, f"{pynetdicom_version()}-acceptor", "acceptor", "127.0.0.1", peer.port, "tag:smoke", "!P-07")
    proven("pynetdicom storescp", "judge", "dulcet conformance", "smoke")


@contextmanager
def dialling(peer: Pynetdicom) -> Iterator[str]:
    """The URL that makes pynetdicom dial: a process for each dial would take longer than what it is to show."""
    turn = threading.Lock()

    def dial(path: str, _body: str, _authorization: str) -> tuple[int, str]:
        asked = parse_qs(urlsplit(path).query)
        # An association that ends in the middle of an operation is an exception there.
        with turn, contextlib.suppress(AssertionError):
            peer.ask("echo", port=int(asked["port"][0]), called=asked["aet"][0], seconds=1)
        return 200, ""

    with server(dial) as address:
        yield f"http://{address}/?port={{port}}&aet={{aet}}"


def test_pynetdicom_as_requestor(pynetdicom: Pynetdicom, tmp_path: Path, proven: Proven) -> None:
    with dialling(pynetdicom) as url:
        slowly = ("--jobs", 1, "--react", 3)  # it serves one trigger at a time, and gives up after a second
        judged(tmp_path, f"{pynetdicom_version()}-requestor", "requestor", *REQUESTOR, *slowly, "--trigger-http", url)
    proven("pynetdicom", "judge", "dulcet conformance", "smoke, as requestor")
