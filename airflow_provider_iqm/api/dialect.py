"""What a dialect of IQM's API is: the calls that hooks make, whichever way an account's API takes them."""

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

    Each call is an exchange, for the hooks to drive. No path, no id of a static list and no shape of an answer
    leaves the dialect's module.
    """

    login: Login

    def check(self, options: AudienceOptions) -> None:
        """
        Check what an upload asks for, before anything is sent.

        :raises AudienceOptionError: This version doesn't know it, or needs more.
        """

    def column_list(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the fields that the account can map columns to."""

    def data_partners(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data partners whose ids the account can match by."""

    def data_formats(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data formats of emails and phones."""

    def check_mapping(self, audience: NewAudience) -> Exchange[bool]:
        """
        Return the exchange that checks an audience's mapping against the account's own lists; it uploads nothing.

        Its result is whether this version's lists can tell.

        :raises ColumnMappingError: The account lacks one of the columns or settings.
        """

    def upload(self, audience: NewAudience) -> Exchange[Call[int]]:
        """
        Return the exchange that finds out what an upload needs to say; its result is the upload itself.

        The two are apart because a lost answer means nothing before the upload, and a lot after it. The upload's own
        result is the audience's id.
        """

    def details(self, audience_id: int) -> Exchange[MatchedAudience]:
        """
        Return the exchange that reads one audience.

        :raises AudienceNotFoundError: The account has no such audience.
        """

    def find(self, audience_name: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences with exactly this name in IQM's list."""

    def search(self, text: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences whose name contains a text; an empty text finds all."""

    def listed(self, audience_ids: Collection[int]) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that looks audiences up in IQM's list; it may not have all of them."""

    def is_in_use(self, audience_id: int) -> Exchange[bool]:
        """
        Return the exchange that checks whether campaigns include or exclude an audience.

        :raises AudienceNotFoundError: The account has no such audience.
        :raises IQMInvalidAnswerError: IQM doesn't say.
        """

    def audience_campaigns(self, audience_ids: Sequence[int]) -> Exchange[list[AudienceCampaigns]]:
        """
        Return the exchange that lists which campaigns use audiences, in the order of their ids.

        :raises AudienceOptionError: This version can't tell.
        :raises AudienceNotFoundError: The account has no such audience.
        """

    def campaign_ids(self, audience_ids: Sequence[int]) -> Exchange[CampaignIds]:
        """
        Return the exchange that reads the campaigns that use audiences, with one request for up to 1,000.

        :raises AudienceOptionError: This version can't tell.
        :raises IQMError: IQM's list doesn't have all audiences.
        """

    def uses(self, audience_ids: Sequence[int]) -> Exchange[dict[int, AudienceUse]]:
        """Return the exchange that tells how campaigns use those of some audiences that the account has."""

    def delete(self, audience_ids: Sequence[int]) -> Exchange[DeletedAudiences]:
        """Return the exchange that deletes audiences."""

    def rename(self, audience_id: int, audience_name: str) -> Exchange[None]:
        """
        Return the exchange that renames an audience.

        :raises AudienceOptionError: This version can't.
        """

    def rematch(self, audience_id: int) -> Exchange[None]:
        """
        Return the exchange that rematches an audience.

        :raises AudienceOptionError: This version can't.
        """
