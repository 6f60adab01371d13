"""A few lives of the archive that `python -m tests.kill_archive` kills a thousand times."""

from kill_archive import killed


def test_nothing_acknowledged_is_lost() -> None:
    totals, wrong = killed(5, seed=1)
    assert wrong == []
    assert totals["kills"] == 5
    assert totals["stored"] >= totals["objects kept"] > 0
    assert totals["commitments reported"] == totals["committed"] > 0
