"""The v3 dialect: IQM's v3 calls as exchanges."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_iqm.api.audience import (
    MATCHED_AUDIENCE_TYPE,
    AudienceField,
    AudienceOptions,
    DeletedAudiences,
    MatchedAudience,
    NewAudience,
    read_audience_id,
    read_deletion,
)
from airflow_provider_iqm.api.campaigns import (
    AudienceCampaigns,
    AudienceUse,
    CampaignIds,
    audience_campaigns,
    audience_uses,
    campaign_ids,
)
from airflow_provider_iqm.api.request import Call, Request, form_body, json_body
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.login import Exchange, Login
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.api.session.token_request import TOKEN_PATH, token_request
from airflow_provider_iqm.api.status import read_status
from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.api.v3.arguments import ARGUMENTS
from airflow_provider_iqm.api.v3.lists import Entry, StaticLists, find
from airflow_provider_iqm.api.v3.request import audience_request
from airflow_provider_iqm.api.v3.responses import read_audience, read_deleted, read_page, read_use
from airflow_provider_iqm.exceptions import (
    AudienceNameError,
    AudienceNotFoundError,
    AudienceOptionError,
    ColumnMappingError,
    IQMRequestError,
)
from airflow_provider_iqm.vocabulary import AudienceStatus
from airflow_provider_iqm.wording import count_of

PAGE_ROWS = 1000
"""The maximum number of rows in a response (contract, "page size")."""

MAX_PAGES = 1000
"""The maximum number of pages that are read; no account has a million audiences."""

MAX_NAME = 255
"""The maximum length of an audience's name (reference, "Create matched audience")."""


def login_call(credentials: Credentials) -> Call[Token]:
    """Return the call that logs in (contract, "login")."""
    grant = {"grant_type": "password", "username": credentials.email, "password": credentials.password}
    return token_request("log in", TOKEN_PATH, credentials, *form_body(grant))


class V3:
    """
    IQM's v3 calls.

    :param login: The login.
    """

    def __init__(self, login: Login) -> None:
        self.login = login

    def check(self, options: AudienceOptions) -> None:
        """Check the options of an upload before anything is sent."""
        subtype = (options.subtype or "").strip().casefold()
        if subtype == "patient" and not options.consent_given:
            raise AudienceOptionError(
                "audience_subtype is patient, which needs the patients' consent: "
                "set consent_given=True if it was given."
            )

    def column_list(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the fields that columns can be mapped to."""
        return _fields((yield from StaticLists(self.login).columns()))

    def data_partners(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data partners whose ids IQM can match by."""
        return _fields((yield from StaticLists(self.login).partners()))

    def data_formats(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data formats of emails and phones."""
        return _fields((yield from StaticLists(self.login).formats()))

    def check_mapping(self, audience: NewAudience) -> Exchange[bool]:
        """Return the exchange that looks up the ids that the upload needs."""
        yield from self.upload(audience)
        return True

    def upload(self, audience: NewAudience) -> Exchange[Call[int]]:
        """Return the exchange that looks up the ids that the upload needs; its result is the upload."""
        if len(audience.name) > MAX_NAME:
            raise AudienceNameError(
                f"audience_name has {len(audience.name)} characters, but IQM allows at most {MAX_NAME}."
            )
        lists = StaticLists(self.login, audience.options.vertical_id)
        try:
            request = yield from self._request(audience, lists)
        except ColumnMappingError:
            # The cached lists may be outdated.
            self.login.static_lists.clear()
            request = yield from self._request(audience, lists)
        form = UploadForm(
            fields={"audienceRequest": json.dumps(request)},
            media_types={"audienceRequest": "application/json"},
            file_name=audience.file_name,
            media_type="application/octet-stream",
        )
        upload = Request(
            purpose=f'upload matched audience "{audience.name}"',
            method="POST",
            path="/api/v3/audience/matched",
            headers={"Content-Type": form.content_type},
            body=form,
            repeatable=False,
            arguments=ARGUMENTS,
        )
        return Call(upload, lambda data: read_audience_id(data["matchedAudienceId"]))

    def _request(self, audience: NewAudience, lists: StaticLists) -> Exchange[dict[str, Any]]:
        if audience.options.subtype:
            subtype = find(audience.options.subtype, (yield from lists.subtypes()), what="audience_subtype")
            lists = StaticLists(self.login, lists.vertical_id, subtype.id)
        return (yield from audience_request(audience, lists))

    def details(self, audience_id: int) -> Exchange[MatchedAudience]:
        """Return the exchange that reads one audience."""
        call = Call(_details_request(audience_id), read_audience)
        (audience,) = yield from self._named([(yield from self.login.call(call))])
        return audience

    def is_in_use(self, audience_id: int) -> Exchange[bool]:
        """Return the exchange that checks whether campaigns include or exclude an audience."""
        request = replace(_details_request(audience_id), params={"campaignTargetingRequired": "true"})
        return self.login.call(Call(request, read_use))

    def audience_campaigns(self, audience_ids: Sequence[int]) -> Exchange[list[AudienceCampaigns]]:
        """Return the exchange that lists which campaigns use audiences, in the order of their ids."""
        return audience_campaigns(self.login, audience_ids)

    def campaign_ids(self, audience_ids: Sequence[int]) -> Exchange[CampaignIds]:
        """Return the exchange that reads which campaigns use audiences, with one request for up to 1,000."""
        return campaign_ids(self.login, audience_ids)

    def uses(self, audience_ids: Sequence[int]) -> Exchange[dict[int, AudienceUse]]:
        """Return the exchange that reads how campaigns use audiences; the result lacks unknown audiences."""
        return audience_uses(self.login, audience_ids)

    def find(self, audience_name: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences with exactly this name; IQM itself matches parts of names."""
        return [audience for audience in (yield from self.search(audience_name)) if audience["name"] == audience_name]

    def search(self, text: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences whose name contains a text; an empty text matches all."""
        purpose = f'find audiences named "{text}"' if text else "list audiences"
        return self._search(purpose, {"searchFields": [text]} if text else {})

    def listed(self, audience_ids: Collection[int]) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that looks up audiences in IQM's list, which may lack some of them."""
        wanted = sorted(set(audience_ids))
        found = []
        for start in range(0, len(wanted), PAGE_ROWS):
            ids = wanted[start : start + PAGE_ROWS]
            found += yield from self._search(f"list {count_of(len(ids), 'audience')}", {"audienceIds": ids})
        return [audience for audience in found if audience["id"] in set(wanted)]

    def delete(self, audience_ids: Sequence[int]) -> Exchange[DeletedAudiences]:
        """Return the exchange that deletes audiences."""
        ids = ",".join(map(str, audience_ids))
        request = Request(
            purpose=f"delete audiences {ids}",
            method="DELETE",
            path="/api/v3/audience",
            params={"audienceIds": [str(item) for item in audience_ids]},
        )
        done = yield from self.login.call(Call(request, lambda data: read_deletion(audience_ids, read_deleted(data))))
        if done["failed"] and not done["deleted"]:
            raise IQMRequestError(
                f"IQM deleted none of the audiences {ids}. Audiences that a campaign uses can't be deleted: "
                "remove them from their campaigns first.",
                status=200,
            )
        return done

    def rename(self, audience_id: int, audience_name: str) -> Exchange[None]:
        """Return the exchange that renames an audience."""
        body, headers = json_body({"audienceName": audience_name})
        request = Request(
            purpose=f"rename audience {audience_id}",
            method="PATCH",
            path=f"/api/v3/audience/{audience_id}/update-name",
            headers=headers,
            body=body,
            names_audience=True,
            arguments=ARGUMENTS,
        )
        return self.login.call(Call(request, lambda _: None))

    def rematch(self, audience_id: int) -> Exchange[None]:
        """Return the exchange that rematches an audience."""
        request = Request(
            purpose=f"rematch audience {audience_id}",
            method="PUT",
            path=f"/api/v3/audience/matched/{audience_id}/rematch",
            # A rematch may cost money, and a second one would be refused.
            repeatable=False,
            names_audience=True,
        )
        try:
            yield from self.login.call(Call(request, lambda _: None))
        except IQMRequestError as refused:
            if refused.status != 422 or isinstance(refused, AudienceNotFoundError):
                raise
            raise IQMRequestError(
                f"Audience {audience_id} can't be rematched now. IQM's criteria include its status and the time since "
                f"its last match. IQM's reason: {refused.detail or 'none given'}",
                status=refused.status,
                detail=refused.detail,
            ) from refused

    def _search(self, purpose: str, criteria: Mapping[str, Any]) -> Exchange[list[MatchedAudience]]:
        found: dict[int, MatchedAudience] = {}
        for page in range(1, MAX_PAGES + 1):
            search = {"audienceTypeIds": [MATCHED_AUDIENCE_TYPE], "pageNo": page, "noOfEntries": PAGE_ROWS, **criteria}
            body, headers = json_body(search)
            request = Request(purpose=purpose, method="POST", path="/api/v3/audience/list", headers=headers, body=body)
            matching, audiences = yield from self.login.call(Call(request, read_page))
            known = len(found)
            found |= {audience["id"]: audience for audience in audiences}
            # The reference's samples disagree on what the record counts mean; a page without new audiences is the last.
            if len(found) == known or (len(audiences) < PAGE_ROWS and len(found) >= matching):
                break
        return (yield from self._named(list(found.values())))

    def _named(self, audiences: list[MatchedAudience]) -> Exchange[list[MatchedAudience]]:
        """Replace undocumented status ids with their names in the account's list."""
        if all(not audience["status"].isdecimal() for audience in audiences):
            return audiences
        names = {str(entry.id): entry.names[0] for entry in (yield from StaticLists(self.login).statuses())}
        for audience in audiences:
            name = read_status(names.get(audience["status"], audience["status"]))
            # Only the documented id counts as ready, even if the list has the same name for another.
            audience["status"] = f"{name} ({audience['status']})" if name == AudienceStatus.READY else name
        return audiences


def _details_request(audience_id: int) -> Request:
    return Request(
        purpose=f"read audience {audience_id}",
        method="GET",
        path=f"/api/v3/audience/matched/{audience_id}",
        names_audience=True,
    )


def _fields(entries: Sequence[Entry]) -> list[AudienceField]:
    return [AudienceField(id=entry.id, name=entry.names[0], label=entry.names[-1]) for entry in entries]
