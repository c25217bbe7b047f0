"""An XML parser that takes a document piece by piece, in bounded memory."""

from __future__ import annotations

from xml.parsers import expat

from airflow_provider_iqm.audience.xlsx_reader.errors import DAMAGED, WorkbookError

_LONGEST_TAG = 4_000_000


class XMLParser:
    """
    A parser whose handlers are set on :attr:`expat`.

    It refuses document types, as Excel does: their entities may blow up.
    """

    def __init__(self) -> None:
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartDoctypeDeclHandler = _refuse_doctype
        self._fed = 0

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """
        Parse the next piece of the document.

        :param data: The piece.
        :param final: Whether it is the last.
        :raises WorkbookError: The document isn't well-formed.
        :raises MemoryError: It takes too much memory.
        """
        self._fed += len(data)
        try:
            self.expat.Parse(data, final)
        except expat.ExpatError as error:
            if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
                raise MemoryError from None
            raise WorkbookError(DAMAGED) from None
        # A tag or comment that doesn't end would be kept, and looked at again with every piece.
        if self._fed - self.expat.CurrentByteIndex > _LONGEST_TAG:
            raise WorkbookError(
                f"the workbook's XML has a tag or comment of more than {_LONGEST_TAG:,} bytes, so it is damaged. "
                "Save it as XLSX again."
            )


def local(name: str) -> str:
    """Take the namespace's prefix off an XML name."""
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise WorkbookError(DAMAGED)
