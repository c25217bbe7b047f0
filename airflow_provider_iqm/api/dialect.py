"""The interface of the dialects of IQM's API."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from airflow_provider_iqm.api.audience import (
    AudienceField,
    AudienceOptions,
    DeletedAudiences,
    MatchedAudience,
    NewAudience,
)
from airflow_provider_iqm.api.campaigns import AudienceCampaigns, AudienceUse, CampaignIds
from airflow_provider_iqm.api.request import Call
from airflow_provider_iqm.api.session.login import Exchange, Login


class Dialect(Protocol):
    """
    One version of IQM's API.

    Each call is an exchange, which the hooks run. Paths, ids of static lists and formats of responses are internal to
    the dialect's package.
    """

    login: Login

    def check(self, options: AudienceOptions) -> None:
        """
        Check the options of an upload before anything is sent.

        :raises AudienceOptionError: This version doesn't support an option, or requires another one.
        """

    def column_list(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the fields that columns can be mapped to."""

    def data_partners(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data partners whose ids IQM can match by."""

    def data_formats(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data formats of emails and phones."""

    def check_mapping(self, audience: NewAudience) -> Exchange[bool]:
        """
        Return the exchange that checks an audience's mapping against the account's own lists; it uploads nothing.

        Its result is whether this version's lists are sufficient for the check.

        :raises ColumnMappingError: The account lacks one of the columns or settings.
        """

    def upload(self, audience: NewAudience) -> Exchange[Call[int]]:
        """
        Return the exchange that looks up what an upload needs; its result is the call that uploads the audience.

        They are separate because a lost response only matters for the upload itself, whose result is the audience's id.
        """

    def details(self, audience_id: int) -> Exchange[MatchedAudience]:
        """
        Return the exchange that reads one audience.

        :raises AudienceNotFoundError: The account has no such audience.
        """

    def find(self, audience_name: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences with exactly this name in IQM's list."""

    def search(self, text: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences whose name contains a text; an empty text matches all."""

    def listed(self, audience_ids: Collection[int]) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that looks up audiences in IQM's list, which may lack some of them."""

    def is_in_use(self, audience_id: int) -> Exchange[bool]:
        """
        Return the exchange that checks whether campaigns include or exclude an audience.

        :raises AudienceNotFoundError: The account has no such audience.
        :raises IQMInvalidAnswerError: IQM doesn't report it.
        """

    def audience_campaigns(self, audience_ids: Sequence[int]) -> Exchange[list[AudienceCampaigns]]:
        """
        Return the exchange that lists which campaigns use audiences, in the order of their ids.

        :raises AudienceOptionError: This version doesn't report it.
        :raises AudienceNotFoundError: The account has no such audience.
        """

    def campaign_ids(self, audience_ids: Sequence[int]) -> Exchange[CampaignIds]:
        """
        Return the exchange that reads which campaigns use audiences, with one request for up to 1,000.

        :raises AudienceOptionError: This version doesn't report it.
        :raises IQMError: IQM's list lacks some of the audiences.
        """

    def uses(self, audience_ids: Sequence[int]) -> Exchange[dict[int, AudienceUse]]:
        """Return the exchange that reads how campaigns use audiences; the result lacks unknown audiences."""

    def delete(self, audience_ids: Sequence[int]) -> Exchange[DeletedAudiences]:
        """Return the exchange that deletes audiences."""

    def rename(self, audience_id: int, audience_name: str) -> Exchange[None]:
        """
        Return the exchange that renames an audience.

        :raises AudienceOptionError: This version doesn't support it.
        """

    def rematch(self, audience_id: int) -> Exchange[None]:
        """
        Return the exchange that rematches an audience.

        :raises AudienceOptionError: This version doesn't support it.
        """
