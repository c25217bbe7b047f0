"""
The items of a large part, such as rows: cut out of the XML, for patterns that read them far faster than a parser.

What stands between items, and every item that isn't in its usual form, goes to an XML parser, in order. The parser is
always right; patterns are applied only where they can't be wrong: without comments, CDATA and processing instructions,
a ``<`` begins a tag and nothing else, and without characters that XML forbids, a text is well-formed.
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
# XML doesn't allow the others; of CR and CRLF it makes LF.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n"))
# Comments, CDATA and processing instructions; and what XML forbids in a text: the end of CDATA, U+FFFE and U+FFFF.
_UNUSUAL = (b"<!", b"<?", b"]]>", b"\xef\xbf\xbe", b"\xef\xbf\xbf")
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));", re.ASCII)
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class ItemReader:
    """
    Cuts a part into texts of whole items.

    :param parser: The parser of what isn't in its usual form.
    :param around: The element around the items, such as ``sheetData``.
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
        Give text that consists of whole items; ``None`` after the parser was given the next of the document instead.

        :param pieces: The document.
        :raises WorkbookError: It isn't well-formed.
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
        """Whether the parser is where items are: not inside one, and not behind the element around them."""
        return self._parser.depth == self._parser.least_depth == self._depth

    def _read_head(self, pieces: Iterator[bytes]) -> bytes | None:
        """Have the parser read up to the first item; return what follows, or ``None`` where patterns can't be used."""
        head = b""
        for piece in pieces:
            head += piece
            opening = self._opening.search(head)
            if opening:
                self._parser.feed(head[: opening.end()])
                self._depth = self._parser.least_depth = self._parser.depth
                rest, head = head[opening.end() :], head[: opening.end()].removeprefix(codecs.BOM_UTF8)
                # In a comment, what looks like the opening may be none. The parser has seen the encoding by now.
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
    Decode what XML writes as ``&amp;`` or ``&#233;``.

    :param text: Text between two tags.
    :return: ``None`` where the text isn't well-formed.
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
