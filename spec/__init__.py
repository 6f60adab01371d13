"""The standard as data: tables in TOML, and the loaders that refuse a malformed one."""


def text_of(name: str) -> str:
    """A table of this package. Read by hand: `importlib.resources` takes 6 ms to import, a twentieth of an echoscu."""
    with open(f"{__path__[0]}/{name}", encoding="utf-8") as file:
        return file.read()
