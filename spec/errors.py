"""What the loaders of `spec/` raise when a table of the standard is not as it must be."""


class SpecError(ValueError):
    """A file of `spec/` is malformed; the message names file, line where there is one, and cell."""
