"""Look up IQM fields and settings by name, and list names in messages."""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_iqm.vocabulary import FIELD_LABELS, FIELD_SETTINGS, SETTING_LABELS, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Word = TypeVar("_Word", bound=Enum)


def find_field(name: str) -> Field | None:
    """Return the field with a system name or label; an exact match wins over a case-insensitive one."""
    return _find(name, [(field, (field.value, *FIELD_LABELS[field])) for field in Field])


def find_setting(field: Field, name: str) -> str | None:
    """Return IQM's key of a field's setting by key or label; an exact match wins over a case-insensitive one."""
    found = _find(name, [(setting, (setting.value, *SETTING_LABELS.get(setting, ()))) for setting in _all_of(field)])
    return None if found is None else str(found.value)


def list_settings(field: Field) -> list[str]:
    """Return IQM's keys of the settings that a field can have."""
    return [str(setting.value) for setting in _all_of(field)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the closest known name; empty if none is close."""
    by_folded = {word.strip().casefold(): word for word in known}
    near = get_close_matches(name.strip().casefold(), by_folded, n=1)
    return f" Did you mean {by_folded[near[0]]!r}?" if near else ""


def join_names(names: Sequence[str]) -> str:
    """Join names with commas."""
    return ", ".join(names)


def _all_of(field: Field) -> list[Enum]:
    return list(FIELD_SETTINGS[field])


def _find(name: str, words: Sequence[tuple[_Word, tuple[str, ...]]]) -> _Word | None:
    for word, names in words:
        if name in names:
            return word
    folded = name.strip().casefold()
    for word, names in words:
        if folded in (known.casefold() for known in names):
            return word
    return None
