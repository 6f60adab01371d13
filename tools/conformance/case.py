"""Cases and their registry: what is asked of a peer, by permanent id.

A case is data and a script: id, slug, roles, level, clauses, the cells of Table 9-10 it is about, tags, needs, the
expected reactions as text, and a coroutine that plays it (`trial`). Most scripts are one stimulus in one state, so
`stimulus` makes a case of data alone. Ids are never reused and never positional.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence

from ...spec.values import value
from .profile import NEEDS
from .reactions import parse
from .results import Level
from .trial import Trial

Script = Callable[[Trial], Awaitable[None]]
Stimulus = Callable[[Trial], Sequence[bytes]]
"""The PDUs to send, which may depend on the variant and on what was agreed."""
Derived = Callable[[str], str]
"""Of a variant: what is allowed, as text."""

TAGS = ("smoke", "slow", "robust", "dos", "gated")
"""smoke: the 25 quick ones; slow: waits for a timer, run side by side at the end; robust: counts with --robust only;
dos: needs --allow-dos; gated: needs a peer that can be made to do what peers of its role rarely do."""
_ID = re.compile(r"[A-Z]+(-[A-Z])?(-\d{2}){1,2}")
_CLAUSE = re.compile(r"PS3\.\d+ (Table )?[A-Z0-9][\w.-]*( n\d(-\d)?)?")


@value
class Case:
    """One case of the catalogue."""

    id: str
    """Permanent: "PD-18", "S-A-06-13"."""
    slug: str
    """A name without spaces."""
    title: str
    """The stimulus in words."""
    roles: str
    """Of the peer: "A" acceptor, "R" requestor, "AR" both."""
    level: Level
    clauses: tuple[str, ...]
    """"PS3.8 9.3.5", "PS3.8 Table 9-26"; the first is the one reports sort by."""
    script: Script
    expected: str = ""
    """The reactions allowed, in the notation of `reactions`; "" where one of the next two says what is."""
    rule: str = ""
    """What must hold, in words, where no trace tells it."""
    derived: Derived | None = None
    """What is allowed of each variant, where Table 9-10 or the variant decides it."""
    states: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("verification",)
    """Keys of `profile.NEEDS`."""
    variants: tuple[str, ...] = ("",)
    """Names of its sub-stimuli: the script is played once for each."""
    why: str = ""
    """What a reader should know besides."""
    most_aborts: int = 3
    """A-ABORTs that one stimulus may bring."""
    alone: bool = False
    """Nothing else may run: role R, because it answers connections before their titles are read; role A, because the
    peer is made to release the one association it has."""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id} is no id")
        for clause in self.clauses:
            if not _CLAUSE.fullmatch(clause):
                raise ValueError(f"{self.id}: {clause!r} names no clause")
        if not set(self.tags) <= set(TAGS) or not set(self.needs) <= set(NEEDS):
            raise ValueError(f"{self.id}: unknown tag or need in {self.tags}, {self.needs}")
        if self.expected:
            parse(self.expected)

    def expects(self, variant: str) -> str:
        """What is allowed of a variant: reactions, or a rule in words."""
        return self.derived(variant) if self.derived else self.expected or self.rule

    @property
    def allowed(self) -> str:
        """The same of the case: once where its variants agree."""
        texts = {variant: self.expects(variant) for variant in self.variants}
        if len(set(texts.values())) == 1:
            return self.expects(self.variants[0])
        return "; ".join(f"{variant}: {text}" for variant, text in texts.items())

    @property
    def section(self) -> str:
        """ "S", "T", "PD" ..."""
        return self.id.partition("-")[0]

    @property
    def waits(self) -> bool:
        """Whether it mostly waits, and so runs side by side with others at the end."""
        return "slow" in self.tags


REGISTRY: dict[str, Case] = {}
"""Every case, in the order of the catalogue; filled by `registry`."""


def registry() -> dict[str, Case]:
    """All the cases there are."""
    from . import cases

    cases.load()
    return REGISTRY


def register(each: Case) -> Case:
    """Add a case.

    Raises:
        ValueError: the id stands for another case already.
    """
    if each.id in REGISTRY:
        raise ValueError(f"{each.id} stands twice in the registry")
    REGISTRY[each.id] = each
    return each


def case(
    id_: str, title: str, *, roles: str, level: str, clause: str | Iterable[str], **more: object
) -> Callable[[Script], Script]:
    """Register the coroutine below as the script of a case."""

    def decorated(script: Script) -> Script:
        _register(id_, title, roles, level, clause, script, more)
        return script

    return decorated


def stimulus(
    id_: str,
    title: str,
    send: Stimulus,
    expected: str,
    *,
    roles: str = "A",
    level: str = "M",
    clause: str | Iterable[str],
    state: str = "Sta6",
    event: str = "",
    **more: object,
) -> None:
    """Register a case of data alone: in a state, this is sent, and one of these reactions is expected."""

    async def script(trial: Trial) -> None:
        await trial.drive(state)
        await trial.send(*send(trial))
        await trial.expect()

    more = {"states": (state,), "events": (event,) if event else (), **more}
    _register(id_, title, roles, level, clause, script, {**more, "expected": expected})


def _register(
    id_: str, title: str, roles: str, level: str, clause: str | Iterable[str], script: Script, more: dict[str, object]
) -> None:
    clauses = (clause,) if isinstance(clause, str) else tuple(clause)
    slug = str(more.pop("slug", "")) or slug_of(title)
    register(Case(id_, slug, title, roles, Level(level), clauses, script, **more))  # type: ignore[arg-type]  # names of keywords


def slug_of(title: str) -> str:
    """A name of a title: its first words, joined."""
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "-".join(words[:7])
