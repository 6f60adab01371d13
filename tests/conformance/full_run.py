"""The whole catalogue against our own stack, in both roles: `python -m tests.conformance.full_run`.

A named command beside the test suite, for the minutes it takes. `dulcet qrscp`, with an ARTIM of 5 s, is measured by
`probe` and judged as acceptor, `dulcet echoscu` as requestor: strictly, with the cases of robustness, those that wait
for timers (side by side) and those that may put a peer out of service, with the archive's health asked after each case.
Only what the two cannot be made to do is skipped, and `SKIPPED` names it. Then the quick cases once more in the default
mode. Prints the seconds of each section, and what was skipped and why. Exits with 0 only when everything else has
passed, so that what could not be driven counts as well, and when it took less than `MOST_SECONDS`. Selectors may
follow, for the first run alone; `--keep DIRECTORY` keeps the reports.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MOST_SECONDS = 600.0
ARTIM = 5.0
READY_SECONDS = 30.0
"""For the archive to listen."""
JOBS = 4
DULCET = (sys.executable, "-m", "dulcet")
SKIPPED = {("A", "RQ-37"), ("A", "RQ-38"), ("A", "NEG-26"), ("R", "PD-28")}
"""What qrscp and echoscu are not configured or made for, by role: titles and passcodes that are checked, a data set
that is sent. Besides, the cases tagged gated, of an acceptor that asks for release. All of it is judged in tests, with
peers that are: `test_sections_associate`, `test_sections_data`, `test_conformance_gated`."""
STRICTLY = ("--strict", "--robust", "--slow", "--allow-dos", "--isolate")
MODES = (("run", STRICTLY), ("default", ()))
"""The two runs: what their reports are called, and their options."""
REQUESTOR = (*DULCET, "echoscu", "-q", "-ta", "2", "-td", "2", "-aec", "{aet}", "{host}", "{port}")


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser("full_run", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("selectors", nargs="*", metavar="SELECTOR", help="which cases; all when none is given")
    parser.add_argument("--keep", metavar="DIRECTORY", type=Path, help="where reports are kept")
    options = parser.parse_args()
    modes = MODES[:1] if options.selectors else MODES  # what is selected may be none of the quick cases
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with archive(Path(scratch)) as (port, pid):
            profile = measured(Path(scratch), port)
            codes = [judge(folder / name, profile, pid, (*how, *options.selectors)) for name, how in modes]
        seconds = time.monotonic() - began
        runs = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name, _ in modes]
    print("\n".join(table(runs[0])))
    code, wrong = max(codes), [words for told in runs for words in unpassed(told)]
    print("\n".join(wrong))
    print(f"{seconds:.0f} s in all, at most {MOST_SECONDS:g} s; exit code {code}")
    return code or int(bool(wrong) or seconds > MOST_SECONDS)


@contextlib.contextmanager
def archive(folder: Path) -> Iterator[tuple[int, int]]:
    """The port and the pid of an archive whose ARTIM is short."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    words = ["qrscp", "-q", "--port", str(port), "--artim", f"{ARTIM:g}", str(folder / "archive")]
    process = subprocess.Popen([*DULCET, *words], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _listens(port):
            assert process.poll() is None, f"qrscp ended with {process.returncode}"
            assert time.monotonic() < deadline, "qrscp does not listen"
            time.sleep(0.05)  # before the next look: nothing tells that a process listens
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def measured(folder: Path, port: int) -> Path:
    """Its profile, and beside what was measured the command that is the requestor."""
    path = folder / "peer.toml"
    run("probe", "127.0.0.1", str(port), "-o", str(path))
    head, _, classes = path.read_text("utf-8").partition("\n[classes]\n")
    words = ", ".join(map(json.dumps, REQUESTOR))
    path.write_text(f"{head}requestor = [{words}]\n\n[classes]\n{classes}", "utf-8")
    return path


def judge(report: Path, profile: Path, pid: int, how: Sequence[str]) -> int:
    """A run, and its exit code."""
    usual = ("--profile", str(profile), "--pid", str(pid), "--jobs", str(JOBS), "--no-color")
    reports = ("--json", f"{report}.json", "--html", f"{report}.html")
    return subprocess.run([*DULCET, "conformance", "both", *usual, *reports, *how], check=False).returncode


def run(*words: str) -> None:
    """Another command, which must succeed."""
    subprocess.run([*DULCET, "conformance", *words], check=True)


def unpassed(told: dict[str, Any]) -> list[str]:
    """What neither passed nor may be skipped, which the exit code of the judge does not always tell."""
    return [
        f"{each['outcome']} {each['id']} in role {each['role']}: {each['signature']} {each['reason']}"
        for each in told["results"]
        if each["outcome"] != "PASSED" and not (each["outcome"] == "SKIPPED" and _may_be_skipped(each))
    ]


def _may_be_skipped(result: dict[str, Any]) -> bool:
    return "gated" in result["tags"] or (result["role"], result["id"]) in SKIPPED


def table(told: dict[str, Any]) -> list[str]:
    """A line for each section and role, and what was skipped."""
    sections: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for result in told["results"]:
        sections[result["id"].partition("-")[0], result["role"]].append(result)
    lines = ["", "section role  cases  passed  work    longest"]
    for (section, role), results in sections.items():
        longest = max(results, key=lambda each: each["seconds"])
        passed = sum(each["outcome"] == "PASSED" for each in results)
        work = sum(each["seconds"] for each in results)
        lines.append(
            f"{section:<8}{role:<4}{len(results):>7}{passed:>8}{work:>7.0f} s   "
            f"{longest['id']} {longest['seconds']:.1f} s"
        )
    skipped = Counter(each["reason"] for each in told["results"] if each["outcome"] == "SKIPPED")
    return [*lines, "", *(f"skipped {count}: {reason}" for reason, count in skipped.items())]


if __name__ == "__main__":
    sys.exit(main())
