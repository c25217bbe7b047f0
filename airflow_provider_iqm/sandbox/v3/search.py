"""v3: search in the list of audiences: filters, order, pages."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError
from airflow_provider_iqm.sandbox.state.audiences import Audience
from airflow_provider_iqm.sandbox.state.state import SandboxState
from airflow_provider_iqm.sandbox.v3.bodies import Int32, JsonModel
from airflow_provider_iqm.sandbox.v3.catalogue import AUDIENCE_TYPES, DELETED, STATUSES, UNLISTED_STATUS
from airflow_provider_iqm.sandbox.v3.views import row

# "The maximum data size per page is 1K rows" (quickstart, "Best Practices").
PAGE_ROWS = 1000

_Ids = frozenset[Int32]
_FILTERS = {
    "audience_ids": "audienceId",
    "audience_type_ids": "audienceTypeId",
    "audience_subtype_ids": "audienceSubtypeId",
    "data_partner_ids": "dataPartnerId",
    "ow_ids": "owId",
    "audience_status_ids": "audienceStatusId",
}
_SORTABLE: dict[str, Callable[[Audience], Any]] = {
    "audienceId": lambda audience: audience.audience_id,
    "audienceName": lambda audience: audience.name.casefold(),
    "createdAt": lambda audience: audience.created_ms,
}


class AudienceSearch(JsonModel):
    """
    The request. An empty set doesn't filter.

    :param audience_ids: ids of audiences to return.
    :param audience_type_ids: types to return.
    :param audience_subtype_ids: subtypes to return.
    :param data_partner_ids: data partners to return.
    :param ow_ids: workspaces to return.
    :param audience_status_ids: statuses to return.
    :param search_fields: parts of names, or ids; an audience must match one of them.
    :param search_field: one more of these.
    :param page_no: page number, from 1.
    :param no_of_entries: page size; 20 in the OpenAPI file's examples.
    :param sort_by: field to sort by; with a leading ``-``, in descending order.
    :param order: ignored, like the fields below; the OpenAPI file has Java objects as its values.
    :param sort_criteria_map: not documented.
    :param include_generic_audience: whether to return audiences without a subtype.
    :param audience_type_ids_with_all_subtypes: types to return regardless of the subtype.
    """

    audience_ids: _Ids = frozenset()
    audience_type_ids: _Ids = frozenset()
    audience_subtype_ids: _Ids = frozenset()
    data_partner_ids: _Ids = frozenset()
    ow_ids: _Ids = frozenset()
    audience_status_ids: _Ids = frozenset()
    # Strings in the schema, but also a number in its example.
    search_fields: frozenset[str | Int32] = frozenset()
    search_field: str = ""
    page_no: Int32 = 1
    no_of_entries: Int32 = 20
    sort_by: str = "-createdAt"
    order: Literal["SortOrderEnum[id=1, name='asc', symbol='+']", "SortOrderEnum[id=2, name='desc', symbol='-']"] = (
        "SortOrderEnum[id=1, name='asc', symbol='+']"
    )
    sort_criteria_map: dict[str, str] = Field(default_factory=dict)
    include_generic_audience: bool = False
    audience_type_ids_with_all_subtypes: _Ids = frozenset()

    def check(self) -> None:
        """Check for the invalid values that are documented."""
        if self.page_no < 1:
            raise RefusedError(422, Problem("Invalid page number", "pageNo"))
        if not 1 <= self.no_of_entries <= PAGE_ROWS:
            raise RefusedError(422, Problem("Invalid page size", "noOfEntries"))
        _check_known("audience type ID", "audienceTypeIds", self.audience_type_ids, AUDIENCE_TYPES)
        statuses = [entry.id for entry in [*STATUSES, DELETED]] + [UNLISTED_STATUS]
        _check_known("status ID", "audienceStatusIds", self.audience_status_ids, statuses)
        if self.sort_by.lstrip("+-") not in _SORTABLE:
            raise RefusedError(422, Problem(f"sortBy must be one of {', '.join(_SORTABLE)}.", "sortBy"))


def _check_known(what: str, field: str, given: _Ids, known: Any) -> None:
    for number in sorted(given):
        if number not in known:
            raise RefusedError(422, Problem(f"Invalid {what}: {number}", field))


def find(search: AudienceSearch, state: SandboxState) -> dict[str, Any]:
    """
    Return a page of the list, with the total number of audiences and the number found.

    :param search: the request.
    :param state: the sandbox's state.
    """
    search.check()
    listed = state.audiences.listed("", state.settings)
    found = [audience for audience in listed if _fits(audience, search)]
    # The list is sorted newest first; several audiences may have been created in the same millisecond.
    found.sort(key=_SORTABLE[search.sort_by.lstrip("+-")], reverse=search.sort_by.startswith("-"))
    rows = [row(audience, state) for audience in found]
    kept = [each for each in rows if _passes(each, search)]
    start = (search.page_no - 1) * search.no_of_entries
    return {
        "totalRecords": len(listed),
        "filteredRecords": len(kept),
        "audienceList": kept[start : start + search.no_of_entries],
    }


def _fits(audience: Audience, search: AudienceSearch) -> bool:
    texts = {str(text) for text in search.search_fields} | ({search.search_field} if search.search_field else set())
    name = audience.name.casefold()
    return not texts or any(text.casefold() in name or text == str(audience.audience_id) for text in texts)


def _passes(shown: dict[str, Any], search: AudienceSearch) -> bool:
    return all(
        not getattr(search, name) or shown.get(field) in getattr(search, name) for name, field in _FILTERS.items()
    )
