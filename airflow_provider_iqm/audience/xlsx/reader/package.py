"""A workbook's zip archive and its parts, with a limit of their unpacked size."""

from __future__ import annotations

import errno
import lzma
import posixpath
import struct
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.mapping.field_names import did_you_mean
from airflow_provider_iqm.audience.xlsx.reader.errors import DAMAGED, MAX_UNPACKED_BYTES, WorkbookError
from airflow_provider_iqm.audience.xlsx.reader.xml_parser import XMLParser, local
from airflow_provider_iqm.wording import quote_names

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE_BYTES = 1 << 18
_SHOWN_SHEETS = 30
_RELATIONS = "_rels/.rels"
_WORKBOOK = "xl/workbook.xml"

Element = tuple[str, dict[str, str]]
"""An XML element's name and attributes, without the prefixes of namespaces."""


class Package:
    """
    The parts of a workbook.

    :param path: The file.
    :raises WorkbookError: The file isn't a workbook.
    """

    def __init__(self, path: Path) -> None:
        self._unpacked = 0
        with _as_damaged():
            self._archive = zipfile.ZipFile(path)
            self._names = {_normal(name): name for name in self._archive.namelist()}
        self.workbook = next(self._related("", "/officeDocument"), _WORKBOOK)
        if _normal(self.workbook) not in self._names:
            raise WorkbookError(
                "the content is a zip archive, but not an Excel workbook. Save the list as XLSX or CSV."
            )
        self.sheets: list[tuple[str, str]] = []
        self.is_1904 = False
        for name, attributes in self.elements(self.workbook):
            if name == "sheet":
                self.sheets.append((attributes.get("name", ""), attributes.get("id", "")))
            elif name == "workbookPr":
                self.is_1904 = attributes.get("date1904") in ("1", "true")

    def pieces(self, part: str) -> Iterator[bytes]:
        """
        Yield the unpacked bytes of a part.

        :param part: The part's path.
        :raises WorkbookError: The part is missing or damaged, or all parts read so far are too large.
        """
        with _as_damaged(), self._archive.open(self._names[_normal(part)]) as file:
            while piece := file.read(_PIECE_BYTES):
                # The sizes in the archive may be wrong.
                self._unpacked += len(piece)
                if self._unpacked > MAX_UNPACKED_BYTES:
                    raise WorkbookError(
                        f"unpacked, the workbook has more than {MAX_UNPACKED_BYTES:,} bytes, which is too large for a "
                        "list. Use CSV, or several workbooks."
                    )
                yield piece

    def elements(self, part: str) -> Iterator[Element]:
        """
        Yield the elements of a part, without their text.

        :param part: The part's path.
        :raises WorkbookError: The part is missing or damaged.
        """
        found: list[Element] = []
        parser = XMLParser(
            lambda name, attributes: found.append(
                (local(name), {local(key): value for key, value in attributes.items()})
            )
        )
        for piece in self.pieces(part):
            parser.feed(piece)
            yield from found
            found.clear()
        parser.feed(b"", final=True)
        yield from found

    def related(self, kind: str) -> str | None:
        """Return the path of the part with a type of relationship to the workbook, such as ``/styles``."""
        return next(self._related(self.workbook, kind), None)

    def sheet(self, name: str | None) -> str:
        """
        Return the path of a sheet's part.

        :param name: The sheet's name; None for the first sheet.
        :raises WorkbookError: The workbook has no such sheet.
        """
        names = [sheet for sheet, _ in self.sheets]
        if not names:
            raise WorkbookError(DAMAGED)
        if name is not None and name not in names:
            has = quote_names(names[:_SHOWN_SHEETS]) + (", …" if len(names) > _SHOWN_SHEETS else "")
            raise WorkbookError(f"the workbook has no sheet {name!r}.{did_you_mean(name, names)} It has: {has}.")
        relation = self.sheets[names.index(name) if name is not None else 0][1]
        part = next(self._related(self.workbook, "", relation=relation), None) if relation else None
        if part is None:
            raise WorkbookError(DAMAGED)
        return part

    def _related(self, source: str, kind: str, *, relation: str = "") -> Iterator[str]:
        folder, name = posixpath.split(source)
        relations = f"{folder}/_rels/{name}.rels" if source else _RELATIONS
        if _normal(relations) not in self._names:
            return
        for element, attributes in self.elements(relations):
            if element != "Relationship" or attributes.get("TargetMode") == "External":
                continue
            wanted = attributes.get("Id") == relation if relation else attributes.get("Type", "").endswith(kind)
            target = posixpath.normpath(posixpath.join(f"/{folder}", attributes.get("Target", "")))
            if wanted and _normal(target) in self._names:
                yield target


def _normal(path: str) -> str:
    """Return the normal form of a part's path: some programs write backslashes, or change the case."""
    return path.replace("\\", "/").lstrip("/").lower()


@contextmanager
def _as_damaged() -> Iterator[None]:
    try:
        yield
    except (
        zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, KeyError, ValueError,
        NotImplementedError,
        # An encrypted part.
        RuntimeError,
    ):  # fmt: skip
        raise WorkbookError(DAMAGED) from None
    except OSError as error:
        # The archive has an invalid offset.
        if error.errno != errno.EINVAL:
            raise
        raise WorkbookError(DAMAGED) from None
