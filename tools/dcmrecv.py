"""`dulcet dcmrecv`: receive objects and write them to files, the simple way (Storage and Verification SCP).

Where DCMTK's accepts nothing but Verification without a profile, this one takes every storage SOP class in every
transfer syntax, as it stores objects as they came; a profile (-xf) says less.
"""

import argparse
from typing import Any

from ..services.storage.incoming import FileStore
from ..services.storage.sorting import BySeriesDate
from . import receiving
from .connection import log_for


def main(options: argparse.Namespace) -> int:
    """Listen, answer C-ECHO and C-STORE, until a signal or termscu ends it."""
    log = log_for(options)
    receiving.check_directory(options)
    return receiving.serve(options, log, Receiving)


class Receiving(receiving.Receiving):
    """A run of dcmrecv."""

    def file_store(self) -> FileStore:
        """Where objects go."""
        options = self._options
        return FileStore(
            options.output_directory,
            mode=options.durability,
            extension=options.filename_extension,
            sorting=BySeriesDate() if options.series_date_subdir else None,
            filenames=options.filenames,
            ignore=options.ignore,
        )

    def policy(self) -> dict[str, Any]:
        """Who calls another title than -aet is rejected, and who wants nothing we accept."""
        title = self._options.aetitle
        return {
            "ae_title": title or "DCMRECV",
            "require_called_ae_title": title is not None,
            "reject_when_nothing_accepted": True,
        }

    def accepted(self) -> dict[str, Any]:
        """Every storage class in every transfer syntax."""
        return {"transfer_syntaxes": None}
