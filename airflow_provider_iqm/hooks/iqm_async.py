"""The async hook for IQM's API."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_iqm.api.audience import AudienceField, MatchedAudience
from airflow_provider_iqm.api.campaigns import AudienceCampaigns, Campaign, campaigns
from airflow_provider_iqm.api.polling.poll import poll
from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.api.replacement.execution import Replacement, replace_audience
from airflow_provider_iqm.api.targeting import TargetingChange, change_for_all, target_all
from airflow_provider_iqm.api.upload_search import OwnUploadSearch
from airflow_provider_iqm.hooks.async_base import IQMAsyncBaseHook
from airflow_provider_iqm.hooks.poll_log import log_poll_events
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.metrics import report_replaced


class IQMAsyncHook(IQMAsyncBaseHook):
    """
    Interact with IQM's API from an event loop, in triggers and asynchronous tasks.

    All coroutines of an event loop can share one hook and its login. Inside ``async with hook:`` they also share HTTP
    connections; a call outside opens and closes its own. It raises the same errors as
    :class:`~airflow_provider_iqm.hooks.iqm.IQMHook`.

    :param iqm_conn_id: The Airflow connection of type ``iqm``.
    :param rate_limited: Whether to send at most 20 requests a minute if the connection has no limit.
    """

    async def get_column_list(self) -> list[AudienceField]:
        """
        Return the fields that columns can be mapped to.

        :raises IQMApiError: IQM returned an error.
        """
        return await self._run(lambda iqm: iqm.column_list())

    async def get_matched_audience(self, audience_id: int) -> MatchedAudience:
        """
        Return IQM's details of an audience.

        :param audience_id: The audience's id.
        :raises AudienceNotFoundError: The account has no such audience.
        """
        return await self._run(lambda iqm: iqm.details(int(audience_id)))

    async def find_matched_audiences(self, audience_name: str) -> list[MatchedAudience]:
        """
        Return the matched audiences with exactly this name in IQM's list.

        :param audience_name: The whole name, case-sensitive.
        """
        return await self._run(lambda iqm: iqm.find(audience_name))

    async def get_audience_campaigns(self, audience_ids: Iterable[int]) -> list[AudienceCampaigns]:
        """
        Return which campaigns include or exclude audiences, in the order of the ids (v3 only).

        :param audience_ids: The audiences; up to 1,000 take one request.
        :raises AudienceOptionError: The connection uses the classic API.
        :raises AudienceNotFoundError: The account has no such audience.
        """
        ids = [int(item) for item in audience_ids]
        return await self._run(lambda iqm: iqm.audience_campaigns(ids))

    async def get_campaigns(self, campaign_ids: Iterable[int]) -> list[Campaign]:
        """
        Return names and statuses of campaigns; unknown campaigns are left out.

        :param campaign_ids: The campaigns; up to 500 take one request.
        """
        ids = [int(item) for item in campaign_ids]
        return await self._run(lambda iqm: campaigns(iqm.login, ids))

    async def target_audience(
        self,
        campaign_ids: Iterable[int],
        *,
        include: Iterable[int] = (),
        exclude: Iterable[int] = (),
        remove: Iterable[int] = (),
    ) -> list[int]:
        """
        Change which audiences campaigns target, as :meth:`IQMHook.target_audience` does.

        :param campaign_ids: The campaigns.
        :param include: Audiences to include: their members see the ads.
        :param exclude: Audiences to exclude: their members don't see the ads.
        :param remove: Audiences to remove, included or excluded.
        :raises AudienceOptionError: There is nothing to change, or an audience is in two of the lists.
        :raises CampaignTargetingError: IQM didn't change some of the campaigns; all others were changed.
        """
        with final_errors_fail_the_task():
            change = TargetingChange(include=list(include), exclude=list(exclude), remove=list(remove))
            changes = change_for_all(map(int, campaign_ids), change)
        return await self._run(lambda iqm: target_all(iqm.login, changes))

    async def replace_audience(
        self,
        old_audience_id: int,
        new_audience_id: int,
        campaign_ids: Iterable[int] | None = None,
        *,
        delete_old: bool = True,
    ) -> Replacement:
        """
        Replace an audience with another in campaigns, as :meth:`IQMHook.replace_audience` does.

        :param old_audience_id: The audience to replace.
        :param new_audience_id: Its replacement, which must be ready.
        :param campaign_ids: The campaigns; default: those that include or exclude the old audience (v3 only).
        :param delete_old: Whether to delete the old audience if no campaign uses it anymore.
        """
        done = await self._run(
            lambda iqm: replace_audience(
                iqm, int(old_audience_id), int(new_audience_id), campaign_ids, delete_old=delete_old
            )
        )
        report_replaced(len(done["old_audience_ids"]))
        return done

    async def _find_own_uploads(self, search: OwnUploadSearch) -> list[MatchedAudience]:
        """
        Search once for the audiences of an upload.

        :param search: The search.
        """
        return await self._run(search.find)

    async def _poll(self, watch: AudienceWatch, log: Log) -> None:
        """
        Poll the audiences that are not ready yet.

        :param watch: The audiences; updated.
        :param log: Logs the results.
        :raises AudienceFailedError: An audience will never become ready.
        """
        with log_poll_events(log, watch):
            await self._run(lambda iqm: poll(iqm, watch))
