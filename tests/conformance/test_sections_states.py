"""Sections S, T, P, RL, ROB and EM as a requestor sees them: our own SCU passes them strictly, with no baseline.

Which module shows that our own stack passes what, strictly and with nothing expected to fail:

- as acceptor: S, P, RL and EM, and what of T does not wait, are in `test_conformance_run`, and there T-01 to T-07; the
  cells behind a release of the acceptor's in `test_conformance_gated`; RQ, AC, RJ and NEG in `test_sections_associate`;
  PD, AB, CMD and most of ROB in `test_sections_data`.
- as requestor: S, T, P, RL, ROB and EM are here; AC, RJ and NEG in `test_sections_associate`; PD, AB and CMD in
  `test_sections_data`.
- both, as programs, with what takes minutes (T-08, T-09, ROB-06, ROB-10 to ROB-13, ROB-18, ROB-20): `full_run`.
"""

from contextlib import suppress

from dulcet.acse.association import Timeouts
from dulcet.services.scu import SCU
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.results import Outcome
from dulcet.tools.conformance.selecting import select
from peers import judged_call, told

from dulcet import AssociationError, Entity

SECTIONS = ("S-R-*", "T-*", "P-*", "RL-*", "ROB-*", "EM-*")


def echo(host: str, port: int, aet: str) -> None:
    """Our SCU; what a case makes of its association is seen on the wire."""
    with suppress(AssociationError):
        SCU("DULCET", timeouts=Timeouts(artim=1.0, acse=1.0)).echo(Entity(aet, host, port))


def test_our_scu_passes_strictly() -> None:
    wanted = [each.id for each in select(registry().values(), SECTIONS, role="R", slow=True, robust=True)]
    run = judged_call(echo, wanted, strict=True, robust=True, jobs=8)
    assert not told(run)
    assert (run.sanity, run.end_sanity, len(run.results)) == ("", "", 64 + 3 + 6 + 8 + 3 + 20)
    assert all(each.outcome is Outcome.PASSED for each in run.results)
