"""A row of the option table: what there is to know of one option."""

from collections.abc import Callable

from ...spec.values import value


@value
class Option:
    """One row."""

    scope: str
    """The mark and the letters of the tools that have it: `M EUPT`."""
    usage: str
    """Every spelling, the long one last, then the names of its values: `-to --timeout SECONDS`."""
    help: str
    """What it does, in a line."""
    parse: Callable[[str], object] = str
    """From a word to a value; raises ValueError."""
    default: object = None
    """What the attribute is without any of its options; `{TOOL}` is the tool's name in capitals."""
    sets: tuple[str, object] | str = ""
    """The attribute and, of a flag, its value; by default the long spelling in snake_case, and True."""
    repeat: bool = False
    """Whether each use adds to a list."""
    needs: str = ""
    """The attributes, divided by spaces, of which one must be given besides."""
    not_with: str = ""
    """The attributes, divided by spaces, that must not be given besides."""
    implies: tuple[str, object] | None = None
    """Another attribute and what it becomes, unless it is given too."""
    alone: bool = False
    """Whether it prints something and ends, so that peer and port are not asked for."""
    secret: bool = False
    """Whether its value is never shown."""

    @property
    def mark(self) -> str:
        """M, S, R or O."""
        return self.scope.split()[0]

    @property
    def tools(self) -> str:
        """The letters of the tools that have it."""
        return self.scope.split()[1]

    @property
    def flags(self) -> list[str]:
        """Every spelling."""
        return [word for word in self.usage.split() if word[0] in "-+"]

    @property
    def metavars(self) -> list[str]:
        """The names of its values; none of a flag."""
        return [word for word in self.usage.split() if word[0] not in "-+"]

    @property
    def attribute(self) -> str:
        """The name of the attribute it sets."""
        if isinstance(self.sets, tuple):
            return self.sets[0]
        return self.sets or self.flags[-1].lstrip("-").replace("-", "_")

    @property
    def value(self) -> object:
        """What a flag sets."""
        return self.sets[1] if isinstance(self.sets, tuple) else True
