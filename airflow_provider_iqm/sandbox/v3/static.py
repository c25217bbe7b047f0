"""v3: calls for static lists."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from airflow_provider_iqm.sandbox.answers import RefusedError, success
from airflow_provider_iqm.sandbox.session.access import State
from airflow_provider_iqm.sandbox.v3.bodies import TextInt32
from airflow_provider_iqm.sandbox.v3.catalogue import (
    AUDIENCE_TYPES,
    DELETED,
    HASHABLE,
    HEALTHCARE,
    MATCHED_AUDIENCE,
    STATUSES,
    SUBTYPES,
    Entry,
    Scope,
    catalogue,
    scope,
)

router = APIRouter(prefix="/api/v3/audience/static")


def split_ids(given: list[str]) -> list[str]:
    """
    Return the ids of a parameter that is repeated or comma-separated; the OpenAPI file documents both.

    :param given: the parameter's values.
    """
    return [text for value in given for text in value.split(",")]


_VerticalId = Annotated[TextInt32 | None, Query(alias="verticalId")]
_Subtype = Annotated[TextInt32 | None, Query(alias="audienceSubtypeId")]
_Subtypes = Annotated[
    list[TextInt32], BeforeValidator(split_ids), Query(alias="audienceSubtypeIds", default_factory=list)
]
_Types = Annotated[list[TextInt32], BeforeValidator(split_ids), Query(alias="audienceTypeIds", default_factory=list)]
_Verticals = Annotated[list[TextInt32], BeforeValidator(split_ids), Query(alias="verticalIds", default_factory=list)]


async def _for_matched(audience_type_id: Annotated[TextInt32, Query(alias="audienceTypeId")]) -> bool:
    """Return whether a list is requested for matched audiences."""
    return _is_matched(audience_type_id)


async def _scope(state: State, vertical_id: _VerticalId = None, subtype_id: _Subtype = None) -> Scope:
    """Return the scope of a list with one subtype."""
    return _list_scope(state, vertical_id, [] if subtype_id is None else [subtype_id])


_ForMatched = Annotated[bool, Depends(_for_matched)]
_Asked = Annotated[Scope, Depends(_scope)]


@router.get("/column-list")
async def column_list(state: State, for_matched: _ForMatched, asked: _Asked) -> Response:
    """List the columns that a file's columns can be mapped to."""
    columns = catalogue(state.settings).columns(asked) if for_matched else []
    return success([_column(column, state) for column in columns])


def _column(column: Entry, state: State) -> dict[str, Any]:
    lists = catalogue(state.settings)
    if state.settings.column_list_shape == "tutorial":
        return {
            "id": column.id,
            "label": column.display_name,
            "key": column.name,
            "order": column.order,
            "isSingleColumn": any(each.columns == (column.name,) for each in lists.combinations(Scope())),
        }
    formats = {"dataFormatIds": [each.id for each in lists.formats]} if column.name in HASHABLE else {}
    return column.as_json() | formats


@router.get("/column-combinations")
async def column_combinations(state: State, for_matched: _ForMatched, asked: _Asked) -> Response:
    """List the combinations of columns that are sufficient for matching."""
    lists = catalogue(state.settings)
    ids = {column.name: column.id for column in lists.columns(asked)}
    combinations = lists.combinations(asked) if for_matched else []
    return success(
        [
            {"id": each.id, "columnIds": [ids[name] for name in each.columns], "order": each.order}
            for each in combinations
        ]
    )


@router.get("/data-formats")
async def data_formats(state: State) -> Response:
    """List the data formats of emails and phones."""
    return success([each.as_json() for each in catalogue(state.settings).formats])


@router.get("/data-partners")
async def data_partners(
    state: State,
    for_matched: _ForMatched,
    subtype_ids: _Subtypes,
    vertical_id: _VerticalId = None,
    *,
    active: Annotated[bool | None, Query()] = None,
) -> Response:
    """List the data partners. The list doesn't show whether a partner has voter ids or NPI ids."""
    asked = _list_scope(state, vertical_id, subtype_ids)
    if not for_matched:
        raise RefusedError(422, "Data Partner doesn't exist for provided/customer vertical and audienceType")
    return success(
        [
            {
                **partner.as_json(),
                "cpm": 10.0,
                "logoUrl": f"https://cdn.example.com/data_partner/{partner.name}.png",
                "active": partner.active,
            }
            for partner in catalogue(state.settings).partners(asked)
            if active in {None, partner.active}
        ]
    )


@router.get("/audience-subtypes")
async def audience_subtypes(state: State, type_ids: _Types, vertical_id: _VerticalId = None) -> Response:
    """List the subtypes of healthcare audiences."""
    vertical = _list_scope(state, vertical_id, []).vertical
    known = SUBTYPES if vertical in {None, HEALTHCARE} else []
    matched = [_is_matched(each) for each in type_ids]
    found = known if any(matched) or not matched else []
    return success(
        {
            "totalRecords": len(known),
            "filteredRecords": len(found),
            "audienceSubtypes": [entry.as_json() for entry in found],
        }
    )


_Deleted = Annotated[bool, Query(alias="deletedStatusRequired")]


@router.get("/audience-status")
async def audience_status(_type_ids: _Types, _vertical_ids: _Verticals, *, with_deleted: _Deleted = False) -> Response:
    """List the audience statuses, regardless of type and vertical."""
    return success([entry.as_json() for entry in [*STATUSES, *([DELETED] if with_deleted else [])]])


def _list_scope(state: State, vertical_id: int | None, subtype_ids: list[int]) -> Scope:
    asked = scope(state.settings, vertical_id, subtype_ids)
    if asked.vertical is None and state.settings.vertical_required:
        raise RefusedError(422, "No vertical ID provided, please provide a valid vertical ID")
    return asked


def _is_matched(audience_type: int) -> bool:
    if audience_type not in AUDIENCE_TYPES:
        raise RefusedError(422, "Invalid audience type ID provided.")
    return audience_type == MATCHED_AUDIENCE
