"""The rows of the option table about archives."""

from . import values
from .row import Option

ARCHIVE = (
    Option("O Q", "--port PORT", "TCP port to listen on; 0 takes any free one", values.listening_port, 11112),
    Option("O Q", "--index URL", "the index in this database of SQLAlchemy's, not in a file of the directory"),
    Option("O Q", "--destinations FILE", "TOML file of the entities that C-MOVE may send to, and reports may go to"),
    Option("O Q", "--reindex", "make the index anew from the files, and end"),
)
