"""Decodes Excel's escapes of characters that XML doesn't allow."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescape(text: str) -> str:
    """Decode Excel's escapes of characters that XML doesn't allow, such as ``_x000D_``."""
    if "_x" not in text or not _ESCAPE.search(text):
        return text
    decoded = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    # Two escapes can be a surrogate pair; an unpaired surrogate isn't a character.
    return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
