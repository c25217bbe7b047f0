"""The hook for IQM's API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from airflow_provider_iqm.api.audience import AudienceField, DeletedAudiences, MatchedAudience
from airflow_provider_iqm.api.campaigns import AudienceCampaigns, Campaign, campaigns
from airflow_provider_iqm.api.polling.poll import poll
from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.api.replacement.execution import Replacement, check_ready, execute_plan
from airflow_provider_iqm.api.replacement.plan import ReplacementPlan, plan_replacement
from airflow_provider_iqm.api.targeting import TargetingChange, change_for_all, target_all
from airflow_provider_iqm.client.rate_limit.scope import pool_slots
from airflow_provider_iqm.connection import form
from airflow_provider_iqm.exceptions import AudienceNameError, IQMError
from airflow_provider_iqm.hooks.iqm_async import IQMAsyncHook
from airflow_provider_iqm.hooks.poll_log import log_poll_events
from airflow_provider_iqm.hooks.uploading import IQMUploadHook
from airflow_provider_iqm.lineage.hook_lineage import report_audience
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.metrics import report_replaced
from airflow_provider_iqm.wording import is_unicode

__all__ = ["IQMAsyncHook", "IQMHook"]


class IQMHook(IQMUploadHook):
    """
    Interact with IQM's API.

    The hook logs in once, before the first call. All errors are in :mod:`airflow_provider_iqm.exceptions`; those that
    aren't retryable fail the task without a retry.

    :param iqm_conn_id: The Airflow connection of type ``iqm``.
    """

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the widgets of the connection form on Airflow 2; Airflow 3 reads the provider's metadata."""
        return form.form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the labels of the connection form's standard fields on Airflow 2."""
        return form.field_behaviour()

    def test_connection(self) -> tuple[bool, str]:
        """Log in, and return whether that succeeded, with a message."""
        try:
            iqm = self._create_dialect()
            token = self._drive(iqm.login.token())
            if iqm.login.credentials.ow_id:
                # The login doesn't check it, but all other requests do.
                self._drive(iqm.data_formats())
        except IQMError as error:
            return False, str(error)
        ow_id = iqm.login.credentials.ow_id or token.ow_id
        workspace = f"workspace {ow_id} at " if ow_id else ""
        return True, f"Logged in to {workspace}{iqm.login.credentials.workspace_host}."

    def get_column_list(self) -> list[AudienceField]:
        """
        Return the fields that columns can be mapped to.

        :raises IQMApiError: IQM returned an error.
        """
        return self._drive(self._iqm.column_list())

    def get_data_partners(self) -> list[AudienceField]:
        """Return the data partners whose voter ids and NPI ids IQM can match by."""
        return self._drive(self._iqm.data_partners())

    def get_data_formats(self) -> list[AudienceField]:
        """Return the data formats of emails and phones."""
        return self._drive(self._iqm.data_formats())

    def _poll(self, watch: AudienceWatch, log: Log) -> None:
        """
        Poll the audiences that are not ready yet.

        :param watch: The audiences; updated.
        :param log: Logs the results.
        :raises AudienceFailedError: An audience will never become ready.
        """
        with log_poll_events(log, watch):
            self._drive(poll(self._iqm, watch))

    @property
    def _pool_slots(self) -> int:
        """The number of slots of the connection's ``rate_limit_pool`` that the running task holds."""
        return pool_slots(self.settings)

    def get_matched_audience(self, audience_id: int) -> MatchedAudience:
        """
        Return IQM's details of an audience.

        :param audience_id: The audience's id.
        :raises AudienceNotFoundError: The account has no such audience.
        """
        return self._drive(self._iqm.details(int(audience_id)))

    def find_matched_audiences(self, audience_name: str) -> list[MatchedAudience]:
        """
        Return the matched audiences with exactly this name in IQM's list.

        IQM doesn't document how soon it lists a new audience.

        :param audience_name: The whole name, case-sensitive.
        """
        _check_unicode(audience_name)
        return self._drive(self._iqm.find(audience_name))

    def search_matched_audiences(self, text: str = "") -> list[MatchedAudience]:
        """
        Return the matched audiences in IQM's list whose name contains a text.

        :param text: A part of the name; an empty text matches all (classic: the newest 1,000).
        :raises AudienceNameError: The text isn't valid Unicode.
        """
        _check_unicode(text)
        return self._drive(self._iqm.search(text))

    def delete_audiences(self, audience_ids: int | Sequence[int]) -> DeletedAudiences:
        """
        Delete audiences, and return which were deleted and which weren't.

        :param audience_ids: One or more ids.
        """
        ids = [audience_ids] if isinstance(audience_ids, int) else [int(item) for item in audience_ids]
        return self._drive(self._iqm.delete(ids)) if ids else DeletedAudiences(deleted=[], failed=[])

    def get_audience_campaigns(self, audience_ids: int | Iterable[int]) -> list[AudienceCampaigns]:
        """
        Return which campaigns include or exclude audiences, in the order of the ids (v3 only).

        :param audience_ids: One or more ids; up to 1,000 take one request.
        :raises AudienceOptionError: The connection uses the classic API.
        :raises AudienceNotFoundError: The account has no such audience.
        """
        ids = [audience_ids] if isinstance(audience_ids, int) else [int(item) for item in audience_ids]
        with final_errors_fail_the_task():
            return self._drive(self._iqm.audience_campaigns(ids))

    def get_campaigns(self, campaign_ids: int | Iterable[int]) -> list[Campaign]:
        """
        Return names and statuses of campaigns; unknown campaigns are left out.

        :param campaign_ids: One or more ids; up to 500 take one request.
        """
        ids = [campaign_ids] if isinstance(campaign_ids, int) else [int(item) for item in campaign_ids]
        return self._drive(campaigns(self._iqm.login, ids))

    def target_audience(
        self,
        campaign_ids: int | Iterable[int],
        *,
        include: Iterable[int] = (),
        exclude: Iterable[int] = (),
        remove: Iterable[int] = (),
    ) -> list[int]:
        """
        Change which audiences campaigns target, in one request, and return the ids of the campaigns.

        Other audiences of the campaigns are unchanged.

        :param campaign_ids: One or more ids.
        :param include: Audiences to include: their members see the ads.
        :param exclude: Audiences to exclude: their members don't see the ads.
        :param remove: Audiences to remove, included or excluded.
        :raises AudienceOptionError: There is nothing to change, or an audience is in two of the lists.
        :raises CampaignTargetingError: IQM didn't change some of the campaigns; all others were changed.
        """
        ids = [campaign_ids] if isinstance(campaign_ids, int) else [int(item) for item in campaign_ids]
        with final_errors_fail_the_task():
            change = TargetingChange(include=list(include), exclude=list(exclude), remove=list(remove))
            changes = change_for_all(ids, change)
            return self._drive(target_all(self._iqm.login, changes))

    def replace_audience(
        self,
        old_audience_id: int,
        new_audience_id: int,
        campaign_ids: int | Iterable[int] | None = None,
        *,
        delete_old: bool = True,
    ) -> Replacement:
        """
        Replace an audience with another in campaigns, verify the change, and delete the old one.

        Included stays included, excluded stays excluded. At any moment, each campaign targets one of the two audiences.
        It is safe to call this again after any failure.

        :param old_audience_id: The audience to replace.
        :param new_audience_id: Its replacement, which must be ready.
        :param campaign_ids: The campaigns; default: those that include or exclude the old audience (v3 only).
        :param delete_old: Whether to delete the old audience if no campaign uses it anymore.
        :raises AudienceOptionError: ``campaign_ids`` is missing on a classic connection, or some campaigns include and
            others exclude the audience there.
        :raises AudienceNotFoundError: The account has no such audience.
        :raises CampaignTargetingError: Some campaigns couldn't be changed; all others were, and nothing is deleted.
        """
        ids = [campaign_ids] if isinstance(campaign_ids, int) else campaign_ids
        _, done = self._replace_audience(int(old_audience_id), int(new_audience_id), ids, delete_old=delete_old)
        return done

    def _replace_audience(
        self, old: int, new: int, campaign_ids: Iterable[int] | None, *, delete_old: bool
    ) -> tuple[MatchedAudience, Replacement]:
        """Replace an audience with another, and return the new one's details and the result."""
        audience = self._drive(check_ready(self._iqm, new))
        plan = self._drive(plan_replacement(self._iqm, [old], new, campaign_ids))
        done = self._execute_plan(plan, [old] if delete_old else [])
        report_audience(self, audience["name"], new, replaced=[old])
        return audience, done

    def plan_replacement(
        self, old_audience_id: int, new_audience_id: int, campaign_ids: Iterable[int] | None = None
    ) -> ReplacementPlan:
        """
        Return what :meth:`replace_audience` would change, without changing anything.

        :param old_audience_id: The audience to replace.
        :param new_audience_id: Its replacement, which must be ready.
        :param campaign_ids: The campaigns; default: those that include or exclude the old audience (v3 only).
        """
        self._drive(check_ready(self._iqm, new_audience_id))
        return self._drive(plan_replacement(self._iqm, [old_audience_id], new_audience_id, campaign_ids))

    def _plan_replacement(
        self,
        old: Sequence[int],
        new: int,
        campaign_ids: Iterable[int] | None,
    ) -> ReplacementPlan:
        """
        Plan a replacement with an audience that is known to be ready.

        :param old: The audiences to remove, if any; an earlier try may have deleted them.
        :param new: The audience to add.
        :param campaign_ids: The campaigns; default: those that include or exclude the old audiences (v3 only).
        """
        return self._drive(plan_replacement(self._iqm, old, new, campaign_ids, may_be_deleted=True))

    def _execute_plan(self, plan: ReplacementPlan, delete: Sequence[int]) -> Replacement:
        """
        Change campaigns, verify the changes, and delete audiences that became unused.

        :param plan: The plan.
        :param delete: The audiences to delete.
        """
        done = self._drive(execute_plan(self._iqm, plan, delete))
        report_replaced(len(done["old_audience_ids"]))
        return done

    def rename_audience(self, audience_id: int, audience_name: str) -> None:
        """
        Rename an audience (v3 only).

        :param audience_id: The audience's id.
        :param audience_name: The new name.
        :raises AudienceNameError: The name isn't valid Unicode.
        :raises AudienceOptionError: The connection uses the classic API.
        :raises AudienceNotFoundError: The account has no such audience.
        """
        _check_unicode(audience_name)
        with final_errors_fail_the_task():
            self._drive(self._iqm.rename(int(audience_id), audience_name))

    def rematch_audience(self, audience_id: int) -> None:
        """
        Rematch an audience (v3 only); it may cost money.

        :param audience_id: The audience's id.
        :raises AudienceOptionError: The connection uses the classic API.
        :raises AudienceNotFoundError: The account has no such audience.
        :raises IQMRequestError: The audience isn't eligible now.
        """
        with final_errors_fail_the_task():
            self._drive(self._iqm.rematch(int(audience_id)))


def _check_unicode(name: str) -> None:
    if not is_unicode(name):
        with final_errors_fail_the_task():
            raise AudienceNameError(
                f"The audience name {name!r} isn't valid Unicode: it has half of a surrogate pair. Correct it at its "
                "source."
            )
