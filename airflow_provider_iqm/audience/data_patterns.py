"""What a single value is likely to be, by its form: an email, a phone number, a date and so on."""

from __future__ import annotations

import re
from enum import StrEnum


class ValueKind(StrEnum):
    """The kinds of values that lists of people hold, as messages call them."""

    EMAIL = "an email"
    DATE = "a date"
    ZIP = "a ZIP code"
    PHONE = "a phone number"
    HASH = "a hash"
    ADDRESS = "a street address"
    ID = "an ID"
    URL = "a URL"
    NUMBER = "a number"
    STATE = "a US state"
    CODE = "a code"


IDENTIFYING = frozenset(
    {ValueKind.EMAIL, ValueKind.DATE, ValueKind.ZIP, ValueKind.PHONE, ValueKind.HASH, ValueKind.ADDRESS}
)
"""The kinds that hardly ever are a column's name."""

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"

_CURRENCY = "[$€£¥]|usd|eur|gbp"

# In this order: a date would be a phone number too, and a hash an ID.
_PATTERNS = {
    ValueKind.EMAIL: r".*\S@\S+\.\S.*",
    ValueKind.DATE: (
        r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[t ].*)?|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?: .*)?|\d{8}t\d{4}.*"
        rf"|\d{{1,2}}[- ]{_MONTH}(?:[-, ]+\d{{2,4}})?|{_MONTH}[- ]\d{{1,2}}(?:[-, ]+\d{{2,4}})?|\d{{1,2}}:\d\d.*"
    ),
    ValueKind.ZIP: r"\d{5}(?:[- \u2013]\d{4})?",
    ValueKind.PHONE: r"'?(?:tel:)?[+(]*(?:\d[-\s().+/\u2013\u2212]*){7,15}(?:(?:x|ext\.?|extension) ?\d+)?;?",
    ValueKind.HASH: r"(?=\D*\d)[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9+/]{22,}={1,2}",
    ValueKind.ADDRESS: r"\d{1,6}[a-z]?(?:[-/]\d+[a-z]?)?,?\s+[^\W\d].*|p\.? ?o\.? ?box\b.*",
    ValueKind.NUMBER: (
        rf"[-+(]*(?:{_CURRENCY})? ?[-+]?\.?\d[\d.,' ]*(?:e[-+]?\d+)?[)%]?(?: ?(?:{_CURRENCY}))?(?:[,; ]+-?[\d.]+)?"
    ),
    ValueKind.ID: r"\S*\d{5}\S*|(?=(?:\D*\d){6})\S+",
    ValueKind.URL: r"[a-z]+://.*|www\..*",
}
_COMPILED = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _PATTERNS.items()}

# Without ID and MI, which are names of columns too (identifier, middle initial).
_STATE_CODES = """
AL AK AZ AR CA CO CT DE DC FL GA HI IL IN IA KS KY LA ME MD MA MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA PR RI
SC SD TN TX UT VT VA WA WV WI WY
"""
_STATE_NAMES = """
alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|illinois|indiana|
iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|missouri|montana|nebraska|
nevada|new hampshire|new jersey|new mexico|new york|north carolina|north dakota|ohio|oklahoma|oregon|pennsylvania|
puerto rico|rhode island|south carolina|south dakota|tennessee|texas|utah|vermont|virginia|washington|west virginia|
wisconsin|wyoming
"""
_STATES = frozenset(_STATE_CODES.split()), frozenset(name.strip() for name in _STATE_NAMES.split("|"))
_CODES = frozenset({"true", "false", "yes", "no", "null", "none", "nan", "n/a", "na", "male", "female", "unknown"})
_LONGEST = 300
_LETTERS = frozenset("FMNTUXY")


def value_kind(text: str) -> ValueKind | None:
    """
    Tell what a value looks like.

    :param text: The value.
    :return: ``None`` for a blank one, and for words: they may be a column's name as well as a person's.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    codes, names = _STATES
    if text in codes or text.casefold() in names:
        return ValueKind.STATE
    if text in _LETTERS or text.casefold() in _CODES:
        return ValueKind.CODE
    return next((kind for kind, pattern in _COMPILED.items() if pattern.fullmatch(text)), None)
