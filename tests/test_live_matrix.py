"""The table of what is proven with whom is the one in README.md, or a run of all live tests fails."""

from pathlib import Path

import live_matrix
import pytest
from inner_runs import inner_run


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[live_matrix.Row, set[str]]:
    """Rows of this test's own."""
    fresh: dict[live_matrix.Row, set[str]] = {}
    monkeypatch.setattr(live_matrix, "rows", fresh)
    return fresh


SUMMARY = [
    "| dulcet is | DCMTK | pynetdicom |",
    "| --- | --- | --- |",
    "| C-ECHO | SCP | - |",
    "| C-STORE | SCU, SCP | SCU |",
]


def test_products_by_services_with_roles(rows: dict[live_matrix.Row, set[str]]) -> None:
    live_matrix.enter("pynetdicom", "SCU", "C-STORE", "b", "a")
    live_matrix.enter("pynetdicom", "SCU", "C-STORE", "c")
    live_matrix.enter("DCMTK storescu", "SCP (qrscp)", "C-STORE", "all")
    live_matrix.enter("DCMTK storescp", "SCU", "C-STORE", "all")
    live_matrix.enter("DCMTK echoscu", "SCP", "C-ECHO", "all")
    live_matrix.enter("PostgreSQL", "client", "index", "all")
    assert live_matrix.summary() == SUMMARY
    assert list(live_matrix.lines())[-1] == "| pynetdicom | SCU | C-STORE | a, b, c |"


def test_the_table_of_a_page_has_versions() -> None:
    page = "\n".join(["| other | table |", "", SUMMARY[0].replace("DCMTK", "DCMTK 3.6.7"), *SUMMARY[1:], "", "more"])
    assert live_matrix.committed(page) == SUMMARY
    assert live_matrix.committed("no table") == []


def test_readme_has_such_a_table() -> None:
    """What is in it, only a run of all live tests can tell."""
    head, *_ = live_matrix.committed(live_matrix.README.read_text("utf-8"))
    assert head == "| dulcet is | DCMTK | Orthanc | pynetdicom |"


PROVEN = """
import live_matrix, pytest

@pytest.mark.parametrize("service", ["C-ECHO", "C-FIND"])
def test_live(service):
    {instead}live_matrix.enter("Orthanc", "SCU", service)
"""
PAGE = "| dulcet is | Orthanc 1.10 |\n| --- | --- |\n| C-ECHO | SCU |\n"
WHOLE = PAGE + "| C-FIND | SCU |\n"
SKIP = 'if service == "C-FIND": pytest.skip("absent")\n    '


@pytest.mark.parametrize(
    ("page", "instead", "arguments", "passes"),
    [
        (PAGE, "", [], False),
        (WHOLE + "| C-MOVE | SCU |\n", "", [], False),
        (WHOLE, "", ["-n2"], True),
        (PAGE, "", ["-n2"], False),
        (WHOLE, SKIP, [], True),
        (WHOLE, "", ["-k", "FIND"], True),
    ],
    ids=[
        "too little",
        "too much",
        "the same, two workers",
        "too little, two workers",
        "a peer missing",
        "some tests",
    ],
)
def test_a_whole_run_proves_what_the_page_says(
    tmp_path: Path, page: str, instead: str, arguments: list[str], passes: bool
) -> None:
    (tmp_path / "README.md").write_text(page, "utf-8")
    (folder := tmp_path / "tests").mkdir()
    run = inner_run(folder, "live_matrix", {"live/test_a.py": PROVEN.format(instead=instead)}, *arguments)
    assert (run.returncode == 0) is passes, run.stdout
    assert ("README.md has another table" in run.stdout) is not passes
    assert "| Orthanc | SCU | C-FIND |  |" in run.stdout or instead
