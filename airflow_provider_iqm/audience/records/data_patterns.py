"""Classifies values by their form: emails, phone numbers, dates and so on."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from airflow_provider_iqm.audience.records.states import STATE_CODES


class ValueKind(StrEnum):
    """The kinds of values in lists of people, by their names in messages."""

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
"""The kinds that are hardly ever names of columns."""

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_CURRENCY = "[$€£¥]|usd|eur|gbp"

# The order matters: a date also matches the pattern of phone numbers, and a hash that of IDs.
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

# ID and MI are also names of columns: identifier, middle initial.
_STATES = frozenset(STATE_CODES.values()) - {"ID", "MI"}
_CODES = frozenset({"true", "false", "yes", "no", "null", "none", "nan", "n/a", "na", "male", "female", "unknown"})
_LONGEST = 300
_LETTERS = frozenset("FMNTUXY")


def value_kind(text: str) -> ValueKind | None:
    """
    Return the kind of a value.

    :param text: The value.
    :return: None for blank values and for words, which can be names of columns as well as of people.
    """
    if len(text) > _LONGEST:
        return None
    # With full-width or invisible characters, phones and emails wouldn't match the patterns.
    text = "".join(letter if letter.isprintable() else " " for letter in unicodedata.normalize("NFKC", text)).strip()
    if text in _STATES or text.upper() in STATE_CODES:
        return ValueKind.STATE
    if text in _LETTERS or text.casefold() in _CODES:
        return ValueKind.CODE
    return next((kind for kind, pattern in _COMPILED.items() if pattern.fullmatch(text)), None)
