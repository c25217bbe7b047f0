"""The names by which users call IQM's fields and settings, and how messages speak of names."""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_iqm.vocabulary import FIELD_LABELS, FIELD_SETTINGS, SETTING_LABELS, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Word = TypeVar("_Word", bound=Enum)


def find_field(name: str) -> Field | None:
    """Find a field by its system name or a label: exactly, else in any letter case."""
    return _find(name, [(field, (field.value, *FIELD_LABELS[field])) for field in Field])


def find_setting(field: Field, name: str) -> str | None:
    """Find a setting of a field by IQM's key or a label: exactly, else in any letter case; as IQM spells it."""
    found = _find(name, [(setting, (setting.value, *SETTING_LABELS.get(setting, ()))) for setting in _all_of(field)])
    return None if found is None else str(found.value)


def settings_of(field: Field) -> list[str]:
    """List the settings that a field takes, as IQM spells them."""
    return [str(setting.value) for setting in _all_of(field)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Write the sentence that names what is nearest to an unknown name; nothing where nothing is near."""
    by_folded = {word.strip().casefold(): word for word in known}
    near = get_close_matches(name.strip().casefold(), by_folded, n=1)
    return f" Did you mean {by_folded[near[0]]!r}?" if near else ""


def listed(names: Sequence[str]) -> str:
    """Write names in a row."""
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
