"""The responses of findscu in files: -X, -Xx, -Xs and -Xlo."""

import argparse
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ..services.storage.part10 import file_meta
from . import native_xml
from .log import Log

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ..services.query.query import Match


class Extraction:
    """Writes what a command line asks for. A file that cannot be written is told of, and the rest is still done."""

    def __init__(self, options: argparse.Namespace, log: Log, model: str) -> None:
        self._options, self._log, self._model = options, log, model
        self._directory = Path(options.output_directory)
        self._single: list[Element] = []
        self._number = 0
        self.failed = 0
        """Files that could not be written."""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to write."""
        options = self._options
        return bool(options.extract or options.extract_xml or options.extract_xml_single)

    def add(self, match: "Match") -> list[str]:
        """Write one response; the names of the files. The numbers run through all queries."""
        limit = self._options.limit_output
        if match.identifier is None or (limit is not None and self._number >= limit):
            return []
        self._number += 1
        written: list[str] = []
        if self._options.extract:
            written += self._write(f"rsp{self._number:04}.dcm", self._file(match))
        if self._options.extract_xml:
            document = native_xml.document(native_xml.model(match.identifier))
            written += self._write(f"rsp{self._number:04}.xml", document)
        if self._options.extract_xml_single:
            self._single.append(native_xml.model(match.identifier))
        return written

    def _file(self, match: "Match") -> bytes:
        """A DICOM file with the identifier as it came; what has no UIDs gets the query's class and a new one."""
        assert match.identifier is not None  # seen to by our caller
        sop_class = str(match.identifier.get("SOPClassUID") or self._model)
        instance = str(match.identifier.get("SOPInstanceUID") or f"2.25.{uuid.uuid4().int}")
        return file_meta(sop_class, instance, match.transfer_syntax_uid) + match.encoded

    def close(self) -> None:
        """Write the one document of -Xs."""
        if self._options.extract_xml_single:
            document = native_xml.document(native_xml.responses(self._single))
            self._write(self._options.extract_xml_single, document)

    def _write(self, name: str, content: bytes) -> list[str]:
        path = self._directory / name
        try:
            path.write_bytes(content)
        except OSError as error:
            self.failed += 1
            self._log.error("not written", file=str(path), why=error.strerror or str(error))
            return []
        self._log.info("written", file=str(path))
        return [str(path)]
