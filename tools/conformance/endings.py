"""How the script of a case may end before its last line."""


class Undriven(Exception):
    """The peer could not be brought into the state that the case is about."""


class Skip(Exception):
    """The case does not apply to this peer."""


class Stop(Exception):
    """A reaction was not allowed; it is recorded."""
