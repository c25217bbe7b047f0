"""The account's static lists: the ids that stand for columns, formats, partners and so on, by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_iqm.api.answer import UNREADABLE
from airflow_provider_iqm.api.audience import MATCHED_AUDIENCE_TYPE
from airflow_provider_iqm.api.request import Call, Request
from airflow_provider_iqm.api.session.login import Exchange, Login
from airflow_provider_iqm.api.v3.arguments import ARGUMENTS
from airflow_provider_iqm.exceptions import ColumnMappingError

Rows = list[Mapping[str, Any]]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    An entry of a static list.

    :param id: IQM's id.
    :param names: What the entry is called: its system name first, then the name that people see.
    :param formats: The ids of the data formats that a column takes; empty where it takes none.
    """

    id: int
    names: tuple[str, ...]
    formats: frozenset[int] = frozenset()

    def is_called(self, name: str) -> bool:
        """Whether this is the entry's name, in any letter case and punctuation."""
        return _bare(name) in {_bare(own) for own in self.names}


@dataclass(frozen=True)
class Combination:
    """Columns by which IQM matches: the combination's id, and the columns' ids."""

    id: int
    columns: frozenset[int]


@dataclass(frozen=True)
class StaticLists:
    """
    The account's static lists, each asked for once a day.

    :param login: The login.
    :param vertical_id: For which vertical, where the account has several.
    :param subtype_id: For which subtype of audience.
    """

    login: Login
    vertical_id: int | None = None
    subtype_id: int | None = None
    _type: Mapping[str, str] = field(default_factory=lambda: {"audienceTypeId": str(MATCHED_AUDIENCE_TYPE)})

    def columns(self) -> Exchange[list[Entry]]:
        """Return the exchange for the columns that files can be mapped to."""
        scope = {**self._type, **self._scope("audienceSubtypeId")}
        return (yield from self._list("columns", "column-list", scope, _entries))

    def combinations(self) -> Exchange[list[Combination]]:
        """Return the exchange for the combinations of columns by which IQM matches, the preferred ones first."""
        scope = {**self._type, **self._scope("audienceSubtypeId")}
        return (yield from self._list("column combinations", "column-combinations", scope, _combinations))

    def formats(self) -> Exchange[list[Entry]]:
        """Return the exchange for the data formats."""
        return (yield from self._list("data formats", "data-formats", {}, _entries))

    def partners(self) -> Exchange[list[Entry]]:
        """Return the exchange for the data partners."""
        scope = {**self._type, **self._scope("audienceSubtypeIds")}
        return (yield from self._list("data partners", "data-partners", scope, _entries))

    def subtypes(self) -> Exchange[list[Entry]]:
        """Return the exchange for the subtypes of audiences."""
        return (yield from self._list("audience subtypes", "audience-subtypes", self._scope(None), _entries))

    def statuses(self) -> Exchange[list[Entry]]:
        """Return the exchange for the statuses of audiences."""
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
        remembered = self.login.remembered
        key = f"{name} {sorted(query.items())}"

        def cached() -> Parsed | None:
            rows = remembered.read(key)
            try:
                return None if rows is None else parse(_rows(rows))
            except UNREADABLE:
                # Of another release, or damaged.
                return None

        def read(data: Any) -> tuple[Rows, Parsed]:
            rows = _rows(data)
            return rows, parse(rows)

        found = cached()
        if found is not None:
            return found
        with remembered.turn():
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
            remembered.write(key, rows)
            return found


def find(name: str, entries: Sequence[Entry], *, what: str) -> Entry:
    """
    Return the entry of a name.

    :param name: The name.
    :param entries: The account's entries.
    :param what: What they are, for the message.
    :raises ColumnMappingError: There is none; the message lists those there are.
    """
    for entry in entries:
        if entry.is_called(name):
            return entry
    raise ColumnMappingError(f"The account has no {what} {name!r}. It has: {known(entries)}.")


def known(entries: Iterable[Entry]) -> str:
    """Return what entries are called, for a message."""
    return ", ".join(entry.names[-1] for entry in entries) or "none at all"


def _rows(data: Any) -> Rows:
    # The subtypes come with their number.
    rows = data["audienceSubtypes"] if isinstance(data, Mapping) else data
    return [dict(row) for row in rows or []]


def _entries(rows: Rows) -> list[Entry]:
    """Read entries in either documented shape: ``name`` and ``displayName``, or ``key`` (``keyName``) and ``label``."""
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
