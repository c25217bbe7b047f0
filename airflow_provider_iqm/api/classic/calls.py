"""The requests of IQM's classic API, and the parsers of their responses."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_iqm.api.audience import (
    MATCHED_AUDIENCE_TYPE,
    AudienceField,
    DeletedAudiences,
    MatchedAudience,
    NewAudience,
    read_audience_id,
    read_deletion,
    read_moment,
)
from airflow_provider_iqm.api.audience_details import parse_details, parse_in_use, parse_reason
from airflow_provider_iqm.api.campaigns import AudienceUse, Role
from airflow_provider_iqm.api.request import Call, Request, json_body
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.api.session.token_request import token_request
from airflow_provider_iqm.api.status import read_status
from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.api.values import number_or_none
from airflow_provider_iqm.vocabulary import AudienceStatus
from airflow_provider_iqm.wording import count_of


def login_call(credentials: Credentials) -> Call[Token]:
    """Return the call that logs in (quickstart, step 1)."""
    body, headers = json_body({"grantType": "password", "email": credentials.email, "password": credentials.password})
    return token_request("log in", "/api/v3/ua/login", credentials, body, headers)


def column_list() -> Call[list[AudienceField]]:
    """Return the call that lists the account's fields; in a later reference, it is a ``GET`` (contract, "fields")."""
    path = "/api/v3/audience/static/matched/column-list"
    purpose = "list the account's fields"
    return Call(
        Request(purpose=purpose, method="POST", path=path),
        _read_columns,
        alternative=Call(Request(purpose=purpose, method="GET", path=path), _read_columns),
    )


def _read_columns(data: Any) -> list[AudienceField]:
    if isinstance(data, Mapping):
        groups = ("mandatoryColumns", "voterIDColumns", "optionalColumns")
        data = [column for group in groups for column in data.get(group) or []]
    return [
        AudienceField(
            id=int(column["id"]),
            name=str(column["l2Name"] if "l2Name" in column else column["key"]),
            label=str(column["name"] if "l2Name" in column else column["label"]),
        )
        for column in data
    ]


def data_partners() -> Call[list[AudienceField]]:
    """Return the call that lists the data partners (contract, "data partners")."""
    return _static("data partners", "data-partner")


def data_formats() -> Call[list[AudienceField]]:
    """Return the call that lists the data formats of emails and phones (contract, "data formats")."""
    return _static("data formats", "data-format")


def _static(what: str, name: str) -> Call[list[AudienceField]]:
    path = f"/api/v3/audience/static/matched/{name}"
    request = Request(purpose=f"list the account's {what}", method="GET", path=path)
    return Call(
        request,
        lambda data: [
            AudienceField(id=int(row["id"]), name=str(row["keyName"]), label=str(row["label"])) for row in data
        ],
    )


def upload(audience: NewAudience) -> Call[int]:
    """Return the call that uploads an audience (quickstart, step 3); its result is the audience's id."""
    metadata = {
        "columns": list(audience.file_columns),
        "fileName": audience.file_name,
        "fileSize": audience.file_bytes,
        "columnValues": {column: list(values) for column, values in audience.samples.items()},
        "rows": audience.records,
    }
    fields = {"columns": json.dumps(audience.columns)}
    if audience.settings:
        fields["columnSettings"] = json.dumps(audience.settings)
    fields |= {
        "metadata": json.dumps(metadata),
        "audienceName": audience.name,
        "isSingleColumnEnabled": json.dumps(audience.single_column),
        "fileTotalCount": str(audience.records),
    }
    form = UploadForm(fields=fields, file_name=audience.file_name, media_type=audience.media_type)
    request = Request(
        purpose=f'upload matched audience "{audience.name}"',
        method="POST",
        path="/api/v2/audience/matched/add",
        headers={"Content-Type": form.content_type},
        body=form,
        repeatable=False,
    )
    return Call(request, lambda data: read_audience_id(data["id"]))


def details(audience_id: int) -> Call[MatchedAudience]:
    """Return the call that reads one audience (quickstart, step 4)."""
    request = Request(
        purpose=f"read audience {audience_id}",
        method="GET",
        path=f"/api/v2/audience/matched/{audience_id}",
        names_audience=True,
    )
    return Call(request, parse_details)


def is_in_use(audience_id: int) -> Call[bool]:
    """Return the call that checks whether campaigns include or exclude an audience."""
    return Call(details(audience_id).request, parse_in_use)


def use(audience_id: int) -> Call[AudienceUse | None]:
    """Return the call that reads how campaigns use an audience, but not which ones; None if it is deleted."""

    def read(data: Any) -> AudienceUse | None:
        if read_status(data["status"]) == AudienceStatus.DELETED:
            return None
        counts: dict[Role, int] = {"included": int(data["included"]), "excluded": int(data["excluded"])}
        roles = frozenset(role for role, count in counts.items() if count)
        return AudienceUse(used=bool(roles), roles=roles, campaigns=None)

    return Call(details(audience_id).request, read)


def find(audience_name: str) -> Call[list[MatchedAudience]]:
    """Return the call that finds the audiences with exactly this name; IQM itself matches parts of names."""
    call = search(audience_name)
    return replace(call, read=lambda data: [item for item in call.read(data) if item["name"] == audience_name])


def search(text: str) -> Call[list[MatchedAudience]]:
    """Return the call that finds the audiences whose name contains a text; an empty text matches all."""
    return _list(f'find audiences named "{text}"' if text else "list audiences", {"searchField": text} if text else {})


def listed(audience_ids: Collection[int]) -> Call[list[MatchedAudience]]:
    """
    Return the call that looks up audiences in IQM's list, which may lack some of them.

    The list can't be filtered by id, so the request is for all of it: at most 1,000 audiences (contract, "page size").
    """
    wanted = set(audience_ids)
    call = _list(f"list {count_of(len(wanted), 'audience')}", {})
    return replace(call, read=lambda data: [item for item in call.read(data) if item["id"] in wanted])


def _list(purpose: str, params: Mapping[str, str]) -> Call[list[MatchedAudience]]:
    def read(data: Any) -> list[MatchedAudience]:
        return [
            _read_summary(item)
            for item in data or []
            if item.get("audienceTypeId", MATCHED_AUDIENCE_TYPE) == MATCHED_AUDIENCE_TYPE
        ]

    request = Request(
        purpose=purpose,
        method="GET",
        path="/api/v2/audience/list",
        params={"audienceTypeIds": str(MATCHED_AUDIENCE_TYPE), **params},
    )
    return Call(request, read)


def _read_summary(item: Mapping[str, Any]) -> MatchedAudience:
    return MatchedAudience(
        id=read_audience_id(item["id"]),
        name=str(item["audienceName"]),
        status=read_status(item["status"]),
        match_rate=None,
        uniques=number_or_none(item.get("uniques"), int),
        records=None,
        data_cost=number_or_none(item.get("dataCost"), float),
        reason=parse_reason(item),
        file_names=[],
        created=read_moment(item.get("createdOn")),
    )


def delete(audience_ids: Sequence[int]) -> Call[DeletedAudiences]:
    """Return the call that deletes audiences (contract, "delete")."""
    ids = ",".join(map(str, audience_ids))
    body, headers = json_body({"audienceIds": ids})
    request = Request(
        purpose=f"delete audiences {ids}",
        method="PUT",
        path="/api/v2/audience/delete",
        headers=headers,
        body=body,
    )

    def read(data: Any) -> DeletedAudiences:
        # An audience in both lists counts as not deleted.
        failed = set(_ids(data.get("audienceFailedIds")))
        return read_deletion(audience_ids, set(_ids(data.get("audienceSuccessfulIds"))) - failed)

    return Call(request, read)


def _ids(value: Any) -> list[int]:
    items = value.split(",") if isinstance(value, str) else value or []
    return [int(item) for item in items if str(item).strip()]
