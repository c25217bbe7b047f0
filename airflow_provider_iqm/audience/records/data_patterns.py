"""What a single value is likely to be, by its form: an email, a phone number, a date and so on."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from airflow_provider_iqm.audience.records.states import STATE_CODES


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

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_CURRENCY = "[$€£¥]|usd|eur|gbp"

# In this order: a date would be a phone number too, and a hash an ID.
_PATTERNS = {
    ValueKind.EMAIL: r".*\S@\S+\.\S.*",
    ValueKind.DATE: (
        r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[t ].*)?|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?: .*)?|\d{8}t\d{4}.*"
        rf"|\d{{1,2}}[- ]{_MONTH}(?:[-, ]+\d{{2,4}})?|{_MONTH}[- ]\d{{1,2}}(?:[-, ]+\d{{2,4}})?|\d{{1,2}}:\d\d.*"
    ),
    ValueKind.ZIP: r"\d{5}(?:[- \u2010-\u2015\u2212]\d{4})?",
    ValueKind.PHONE: r"'?(?:tel:)?[+(]*(?:\d[-\s().+/\u2010-\u2015\u2212]*){7,15}(?:(?:x|ext\.?|extension) ?\d+)?;?",
    ValueKind.HASH: r"(?=\D*\d)[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9+/]{22,}={1,2}",
    ValueKind.ADDRESS: r"\d{1,6}[a-z]?(?:[-/]\d+[a-z]?)?,?\s+[^\W\d].*|p\.? ?o\.? ?box\b.*",
    ValueKind.NUMBER: (
        rf"[-+(]*(?:{_CURRENCY})? ?[-+]?\.?\d[\d.,' ]*(?:e[-+]?\d+)?[)%]?(?: ?(?:{_CURRENCY}))?(?:[,; ]+-?[\d.]+)?"
    ),
    ValueKind.ID: r"(?![a-z]{4,}_)(?:\S*\d{5}\S*|(?=(?:\D*\d){6})\S+)",
    ValueKind.URL: r"[a-z]+://.*|www\..*",
}
_COMPILED = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _PATTERNS.items()}

# ID and MI are names of columns too: identifier, middle initial.
_STATES = frozenset(STATE_CODES.values()) - {"ID", "MI"}
_CODES = frozenset({"true", "false", "yes", "no", "null", "none", "nan", "n/a", "na", "male", "female", "unknown"})
_LONGEST = 300
_LETTERS = frozenset("FMNTUXY")


def value_kind(text: str) -> ValueKind | None:
    """
    Tell what a value looks like.

    :param text: The value.
    :return: ``None`` for a blank one, and for words: they may be a column's name as well as a person's.
    """
    if len(text) > _LONGEST:
        return None
    # Full-width and invisible characters hide a phone or an email from the patterns.
    text = "".join(letter if letter.isprintable() else " " for letter in unicodedata.normalize("NFKC", text)).strip()
    if text in _STATES or text.upper() in STATE_CODES:
        return ValueKind.STATE
    if text in _LETTERS or text.casefold() in _CODES:
        return ValueKind.CODE
    return next((kind for kind, pattern in _COMPILED.items() if pattern.fullmatch(text)), None)
