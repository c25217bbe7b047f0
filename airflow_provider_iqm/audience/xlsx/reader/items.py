"""
Splits a large part into items, such as rows, so that patterns can read them much faster than an XML parser.

Everything between items, and every item that doesn't have the usual form, goes to an XML parser, in order. Patterns are
only applied where their result is the parser's: without comments, CDATA and processing instructions, a ``<`` always
begins a tag, and without characters that XML forbids, a text is well-formed.
"""

from __future__ import annotations

import codecs
import re
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.xlsx.reader.errors import DAMAGED, WorkbookError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_iqm.audience.xlsx.reader.xml_parser import XMLParser

_LONGEST_ITEM = 4_000_000
_LONGEST_HEAD = 1_000_000
# XML forbids these characters, except for CR, which it converts to LF.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n"))
# Comments, CDATA and processing instructions; and, forbidden in texts: the end of CDATA, U+FFFE and U+FFFF.
_UNUSUAL = (b"<!", b"<?", b"]]>", b"\xef\xbf\xbe", b"\xef\xbf\xbf")
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));", re.ASCII)
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class ItemReader:
    """
    Splits a part into texts of whole items.

    :param parser: The parser for everything that doesn't have the usual form.
    :param around: The element that contains the items, such as ``sheetData``.
    :param item: The items' element, such as ``row``.
    """

    def __init__(self, parser: XMLParser, *, around: str, item: str) -> None:
        self._parser = parser
        self._opening = re.compile(rb"<%b(?: [^<>]*)?>" % around.encode())
        self._end = f"</{item}>".encode()
        self._encoding = "utf-8"
        self._depth = 0
        parser.expat.XmlDeclHandler = self._set_encoding

    def read(self, pieces: Iterable[bytes]) -> Iterator[str | None]:
        """
        Yield texts of whole items, or None after feeding the next piece of the document to the parser instead.

        :param pieces: The document.
        :raises WorkbookError: The document isn't well-formed.
        """
        pieces = iter(pieces)
        head = self._read_head(pieces)
        if head is not None:
            rest = b""
            for piece in chain((head,), pieces):
                rest += piece
                end = rest.rfind(self._end) + len(self._end)
                if end < len(self._end):
                    if len(rest) > _LONGEST_ITEM:
                        break
                    continue
                whole = rest[:end]
                if any(map(whole.__contains__, _UNUSUAL)) or len(whole.translate(None, _CONTROLS)) < len(whole):
                    break
                rest = rest[end:]
                try:
                    text = whole.decode()
                except UnicodeDecodeError:
                    raise WorkbookError(DAMAGED) from None
                yield text
            self._parser.feed(rest)
            yield None
        for piece in pieces:
            self._parser.feed(piece)
            yield None
        self._parser.feed(b"", final=True)
        yield None

    @property
    def between_items(self) -> bool:
        """Whether the parser is between items: not inside one, and not after the element that contains them."""
        return self._parser.depth == self._parser.least_depth == self._depth

    def _read_head(self, pieces: Iterator[bytes]) -> bytes | None:
        """Parse up to the first item, and return the rest of the piece; None if patterns can't be used."""
        head = b""
        for piece in pieces:
            head += piece
            opening = self._opening.search(head)
            if opening:
                self._parser.feed(head[: opening.end()])
                self._depth = self._parser.least_depth = self._parser.depth
                rest, head = head[opening.end() :], head[: opening.end()].removeprefix(codecs.BOM_UTF8)
                # The opening tag may be in a comment. The parser knows the encoding by now.
                usual = b"<!" not in head and b"<?" not in head[2:] and self._encoding == "utf-8"
                if usual and not head.endswith(b"/>"):
                    return rest
                self._parser.feed(rest)
                return None
            if len(head) > _LONGEST_HEAD:
                break
        self._parser.feed(head)
        return None

    def _set_encoding(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self._encoding = (encoding or "utf-8").lower()


def decode_entities(text: str) -> str | None:
    """
    Decode XML entities such as ``&amp;`` and ``&#233;``.

    :param text: Text between two tags.
    :return: None if the text isn't well-formed.
    """
    try:
        decoded, count = _ENTITY.subn(_character, text)
    except ValueError:
        return None
    return decoded if count == text.count("&") else None


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name]
    number = int(decimal) if decimal else int(hexadecimal, 16)
    if (number < 32 and number not in (9, 10, 13)) or 0xD800 <= number < 0xE000 or number in (0xFFFE, 0xFFFF):
        raise ValueError
    return chr(number)
