"""An incremental XML parser with bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat

from airflow_provider_iqm.audience.xlsx.reader.errors import DAMAGED, WorkbookError

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_TAG = 4_000_000


class XMLParser:
    """
    An XML parser; other handlers can be set on :attr:`expat`.

    It rejects document types, as Excel does: their entities can expand to gigabytes.

    :param start: Called with the name and the attributes of each element that starts.
    :param end: Called with the name of each element that ends.
    """

    def __init__(
        self, start: Callable[[str, dict[str, str]], object], end: Callable[[str], object] = lambda _: None
    ) -> None:
        self.depth = 0
        self.least_depth = 0
        self._start = start
        self._end = end
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self._enter
        self.expat.EndElementHandler = self._leave
        self.expat.StartDoctypeDeclHandler = _refuse_doctype
        self._fed = 0

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """
        Parse the next piece of the document.

        :param data: The piece.
        :param final: Whether it is the last.
        :raises WorkbookError: The document isn't well-formed.
        :raises MemoryError: The document takes too much memory.
        """
        self._fed += len(data)
        try:
            self.expat.Parse(data, final)
        except expat.ExpatError as error:
            if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
                raise MemoryError from None
            raise WorkbookError(DAMAGED) from None
        except (LookupError, ValueError):
            # An encoding that Python doesn't have, or that expat can't use.
            raise WorkbookError(DAMAGED) from None
        # expat would keep an endless tag or comment in memory, and scan it again with every piece.
        if self._fed - self.expat.CurrentByteIndex > _LONGEST_TAG:
            raise WorkbookError(
                f"the workbook's XML has a tag or comment of more than {_LONGEST_TAG:,} bytes, so it is damaged. "
                "Save it as XLSX again."
            )

    def _enter(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self._start(name, attributes)

    def _leave(self, name: str) -> None:
        self.depth -= 1
        self.least_depth = min(self.least_depth, self.depth)
        self._end(name)


def local(name: str) -> str:
    """Return an XML name without its namespace prefix."""
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise WorkbookError(DAMAGED)
