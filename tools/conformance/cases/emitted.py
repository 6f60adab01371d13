"""EM: the always-on assertions, judged in every conversation of a run (catalogue 3.13).

They are cases by id, level and clause, so that selectors, reports and baselines have them. The runner plays none of
them: it counts what every other case brought to light. When nothing else was chosen, their script is played once, an
ordinary association, which is all there is to judge then.
"""

from .. import frames
from ..case import Case, register, slug_of
from ..commands import echo
from ..emitted.rules import RULES
from ..trial import Trial


async def ordinary(trial: Trial) -> None:
    """An association as everybody has them: C-ECHO and release, or what the requestor's command does by itself."""
    if trial.role == "A":
        await trial.drive("Sta6")
        await trial.send(echo(), frames.release_rq())
        await trial.expect("RSP, RP")
    else:
        await trial.drive("Sta7")
        await trial.send(frames.release_rp())
        await trial.expect("CLOSE")


for _id, _rule in RULES.items():
    register(
        Case(
            _id,
            slug_of(_rule.title),
            _rule.title,
            _rule.roles,
            _rule.level,
            _rule.clauses,
            ordinary,
            rule=_rule.title,
        )
    )
