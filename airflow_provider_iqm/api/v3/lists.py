"""The account's static lists: the ids of columns, formats, partners and so on, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_iqm.api.audience import MATCHED_AUDIENCE_TYPE
from airflow_provider_iqm.api.request import Call, Request
from airflow_provider_iqm.api.session.login import Exchange, Login
from airflow_provider_iqm.api.v3.arguments import ARGUMENTS
from airflow_provider_iqm.api.values import UNREADABLE
from airflow_provider_iqm.exceptions import ColumnMappingError

Rows = list[Mapping[str, Any]]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    An entry of a static list.

    :param id: IQM's id.
    :param names: Its names: the system name first, then the label.
    :param formats: The ids of a column's data formats; empty if it has none.
    """

    id: int
    names: tuple[str, ...]
    formats: frozenset[int] = frozenset()

    def is_called(self, name: str) -> bool:
        """Return whether this is one of the entry's names, regardless of case and punctuation."""
        return _bare(name) in {_bare(own) for own in self.names}


@dataclass(frozen=True)
class Combination:
    """Columns that IQM matches by: the combination's id, and the columns' ids."""

    id: int
    columns: frozenset[int]


@dataclass(frozen=True)
class StaticLists:
    """
    The account's static lists, each requested once a day.

    :param login: The login.
    :param vertical_id: The vertical, if the account has several.
    :param subtype_id: The audience subtype.
    """

    login: Login
    vertical_id: int | None = None
    subtype_id: int | None = None
    _type: Mapping[str, str] = field(default_factory=lambda: {"audienceTypeId": str(MATCHED_AUDIENCE_TYPE)})

    def columns(self) -> Exchange[list[Entry]]:
        """Return the exchange that lists the columns that files can be mapped to."""
        scope = {**self._type, **self._scope("audienceSubtypeId")}
        return (yield from self._list("columns", "column-list", scope, _entries))

    def combinations(self) -> Exchange[list[Combination]]:
        """Return the exchange that lists the combinations of columns that IQM matches by, in IQM's order."""
        scope = {**self._type, **self._scope("audienceSubtypeId")}
        return (yield from self._list("column combinations", "column-combinations", scope, _combinations))

    def formats(self) -> Exchange[list[Entry]]:
        """Return the exchange that lists the data formats."""
        return (yield from self._list("data formats", "data-formats", {}, _entries))

    def partners(self) -> Exchange[list[Entry]]:
        """Return the exchange that lists the data partners."""
        scope = {**self._type, **self._scope("audienceSubtypeIds")}
        return (yield from self._list("data partners", "data-partners", scope, _entries))

    def subtypes(self) -> Exchange[list[Entry]]:
        """Return the exchange that lists the audience subtypes."""
        return (yield from self._list("audience subtypes", "audience-subtypes", self._scope(None), _entries))

    def statuses(self) -> Exchange[list[Entry]]:
        """Return the exchange that lists the audience statuses."""
        query = {"audienceTypeIds": str(MATCHED_AUDIENCE_TYPE), "deletedStatusRequired": "true"}
        return (yield from self._list("audience statuses", "audience-status", query, _entries))

    def _scope(self, subtype: str | None) -> dict[str, str]:
        scope = {} if self.vertical_id is None else {"verticalId": str(self.vertical_id)}
        if subtype and self.subtype_id is not None:
            scope[subtype] = str(self.subtype_id)
        return scope

    def _list(
        self, what: str, name: str, query: Mapping[str, str], parse: Callable[[Rows], Parsed]
    ) -> Exchange[Parsed]:
        cache = self.login.static_lists
        key = f"{name} {sorted(query.items())}"

        def cached() -> Parsed | None:
            rows = cache.read(key)
            try:
                return None if rows is None else parse(_rows(rows))
            except UNREADABLE:
                # Written by another release, or damaged.
                return None

        def read(data: Any) -> tuple[Rows, Parsed]:
            rows = _rows(data)
            return rows, parse(rows)

        found = cached()
        if found is not None:
            return found
        with cache.lock():
            found = cached()
            if found is not None:
                return found
            request = Request(
                purpose=f"list the account's {what}",
                method="GET",
                path=f"/api/v3/audience/static/{name}",
                params=query,
                arguments=ARGUMENTS,
            )
            rows, found = yield from self.login.call(Call(request, read))
            cache.write(key, rows)
            return found


def find(name: str, entries: Sequence[Entry], *, what: str) -> Entry:
    """
    Return the entry with a name.

    :param name: The name.
    :param entries: The account's entries.
    :param what: The kind of entry, for the message.
    :raises ColumnMappingError: No entry has the name; the message lists all entries.
    """
    for entry in entries:
        if entry.is_called(name):
            return entry
    raise ColumnMappingError(f"The account has no {what} {name!r}. It has: {known(entries)}.")


def known(entries: Iterable[Entry]) -> str:
    """List the labels of entries, for a message."""
    return ", ".join(entry.names[-1] for entry in entries) or "none at all"


def _rows(data: Any) -> Rows:
    # The list of subtypes is in an object that also has its length.
    rows = data["audienceSubtypes"] if isinstance(data, Mapping) else data
    return [dict(row) for row in rows or []]


def _entries(rows: Rows) -> list[Entry]:
    """Parse entries in either documented format: ``name``, ``displayName``, or ``key`` (``keyName``), ``label``."""
    entries = [
        Entry(
            id=int(row["id"]),
            names=tuple(
                str(row[key]) for key in ("name", "key", "keyName", "displayName", "label") if row.get(key) is not None
            ),
            formats=frozenset(map(int, row.get("dataFormatIds") or ())),
        )
        for row in rows
    ]
    if not all(entry.names for entry in entries):
        raise ValueError("an entry without a name")
    return entries


def _combinations(rows: Rows) -> list[Combination]:
    found = [
        (row.get("order") or 0, Combination(int(row["id"]), frozenset(map(int, row["columnIds"])))) for row in rows
    ]
    return [combination for _, combination in sorted(found, key=lambda item: item[0])]


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
