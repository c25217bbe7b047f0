"""The classic dialect: IQM's classic calls as exchanges."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from airflow_provider_iqm.api.audience import (
    AudienceField,
    AudienceOptions,
    DeletedAudiences,
    MatchedAudience,
    NewAudience,
)
from airflow_provider_iqm.api.campaigns import AudienceCampaigns, AudienceUse, CampaignIds
from airflow_provider_iqm.api.classic import calls
from airflow_provider_iqm.api.request import Call
from airflow_provider_iqm.api.session.login import Exchange, Login
from airflow_provider_iqm.exceptions import AudienceNotFoundError, AudienceOptionError


class Classic:
    """
    The classic dialect.

    :param login: The login.
    """

    def __init__(self, login: Login) -> None:
        self.login = login

    def check(self, options: AudienceOptions) -> None:
        """Check that an upload has no options that require v3."""
        arguments = {
            "audience_subtype": options.subtype,
            "consent_given": options.consent_given,
            "vertical_id": options.vertical_id,
        }
        given = [argument for argument, value in arguments.items() if value is not None]
        if given:
            raise _only_v3(", ".join(given))

    def column_list(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the fields that columns can be mapped to."""
        return self.login.call(calls.column_list())

    def data_partners(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data partners whose ids IQM can match by."""
        return self.login.call(calls.data_partners())

    def data_formats(self) -> Exchange[list[AudienceField]]:
        """Return the exchange that lists the data formats of emails and phones."""
        return self.login.call(calls.data_formats())

    def check_mapping(self, audience: NewAudience) -> Exchange[bool]:
        """Check nothing: the lists of the classic API lack columns that uploads support, such as Email."""
        yield from ()
        return False

    def upload(self, audience: NewAudience) -> Exchange[Call[int]]:
        """Return the exchange whose result is the upload; it sends no request."""
        yield from ()
        return calls.upload(audience)

    def details(self, audience_id: int) -> Exchange[MatchedAudience]:
        """Return the exchange that reads one audience."""
        return self.login.call(calls.details(audience_id))

    def find(self, audience_name: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences with exactly this name."""
        return self.login.call(calls.find(audience_name))

    def search(self, text: str) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that finds the audiences whose name contains a text; an empty text matches all."""
        return self.login.call(calls.search(text))

    def listed(self, audience_ids: Collection[int]) -> Exchange[list[MatchedAudience]]:
        """Return the exchange that looks up audiences in IQM's list, which may lack some of them."""
        return self.login.call(calls.listed(audience_ids))

    def is_in_use(self, audience_id: int) -> Exchange[bool]:
        """Return the exchange that checks whether campaigns include or exclude an audience."""
        return self.login.call(calls.is_in_use(audience_id))

    def audience_campaigns(self, audience_ids: Sequence[int]) -> Exchange[list[AudienceCampaigns]]:
        """Raise an error: the classic API only counts the campaigns that use an audience."""
        raise _only_v3("Finding the campaigns that use an audience")

    def campaign_ids(self, audience_ids: Sequence[int]) -> Exchange[CampaignIds]:
        """Raise an error, as :meth:`audience_campaigns` does."""
        raise _only_v3("Finding the campaigns that use an audience")

    def uses(self, audience_ids: Sequence[int]) -> Exchange[dict[int, AudienceUse]]:
        """Return the exchange that reads how campaigns use audiences; the result lacks unknown audiences."""
        found: dict[int, AudienceUse] = {}
        for audience_id in audience_ids:
            try:
                use = yield from self.login.call(calls.use(audience_id))
            except AudienceNotFoundError:
                continue
            if use:
                found[audience_id] = use
        return found

    def delete(self, audience_ids: Sequence[int]) -> Exchange[DeletedAudiences]:
        """Return the exchange that deletes audiences."""
        return self.login.call(calls.delete(audience_ids))

    def rename(self, audience_id: int, audience_name: str) -> Exchange[None]:
        """Raise an error: the classic API can't rename audiences."""
        raise _only_v3("Renaming an audience")

    def rematch(self, audience_id: int) -> Exchange[None]:
        """Raise an error: the classic API can't rematch audiences."""
        raise _only_v3("Rematching an audience")


def _only_v3(what: str) -> AudienceOptionError:
    return AudienceOptionError(
        f"{what} requires v3 of IQM's API, but the connection uses the classic one. If IQM has moved the account to "
        "v3, set api_version to v3 in the connection's extra."
    )
