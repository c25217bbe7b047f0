"""Change which audiences campaigns target, and replace one audience with another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.api.campaigns import CampaignIds
from airflow_provider_iqm.assets.outlets import audience_event
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.lineage.openlineage import ReplacementLineage
from airflow_provider_iqm.lineage.output import LineageOutput
from airflow_provider_iqm.links.campaign import IQMCampaignLink
from airflow_provider_iqm.links.matched_audience import IQMAudienceLink
from airflow_provider_iqm.operators.audience_report import report_audiences
from airflow_provider_iqm.operators.base import IQMBaseOperator
from airflow_provider_iqm.operators.ids import list_ids, parse_id
from airflow_provider_iqm.operators.replacement_log import log_replacement
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.replacement.execution import Replacement

Ids = int | str | Iterable[int | str]


class _CampaignOperator(IQMBaseOperator):
    """What the operators that update campaigns share."""

    ui_color = "#dcebf7"
    operator_extra_links = (IQMAudienceLink(), IQMCampaignLink())
    iqm_conn_id: str

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM."""
        return IQMHook(self.iqm_conn_id)


class TargetAudienceOperator(_CampaignOperator):
    """
    Include audiences in campaigns, exclude them, or remove them, and return the ids of the campaigns.

    All campaigns are updated with one request; other audiences of the campaigns don't change. If IQM doesn't update
    some campaigns, the task fails without a retry. The error names them with IQM's reasons; all others are updated.
    The operator is idempotent, so the task can be retried and cleared.

    Ids can be an ``int``, digits, a list, or the output of another task.

    :param campaign_ids: The campaigns. (templated)
    :param include: Audiences to include, whose members see the ads. (templated)
    :param exclude: Audiences to exclude, such as suppression lists. (templated)
    :param remove: Audiences to remove, whether included or excluded. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    """

    template_fields: Sequence[str] = ("campaign_ids", "include", "exclude", "remove", "iqm_conn_id")

    def __init__(
        self,
        *,
        campaign_ids: Ids,
        include: Ids = (),
        exclude: Ids = (),
        remove: Ids = (),
        iqm_conn_id: str = IQMHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_ids = campaign_ids
        self.include = include
        self.exclude = exclude
        self.remove = remove
        self.iqm_conn_id = iqm_conn_id

    def execute(self, context: Context) -> list[int]:
        """Update the campaigns, and return their ids."""
        with final_errors_fail_the_task():
            self.check_rendered_arguments()
            campaign_ids = list_ids("campaign_ids", self.campaign_ids)
            include = list_ids("include", self.include, may_be_empty=True)
            exclude = list_ids("exclude", self.exclude, may_be_empty=True)
            remove = list_ids("remove", self.remove, may_be_empty=True)
        IQMCampaignLink.push(self, context, campaign_ids)
        IQMAudienceLink.push(self, context, [*include, *exclude, *remove])
        changed = self.hook.target_audience(campaign_ids, include=include, exclude=exclude, remove=remove)
        changes = {"included": include, "excluded": exclude, "removed": remove}
        text = ", ".join(f"{what} {', '.join(map(str, ids))}" for what, ids in changes.items() if ids)
        self.log.info("Updated the audiences of %s: %s", count_of(len(changed), "campaign"), text)
        return changed


class ReplaceAudienceOperator(_CampaignOperator, ReplacementLineage):
    """
    Replace an audience with another in its campaigns, delete the old one, and return what changed.

    Included stays included, and excluded stays excluded. All campaigns are updated with one request and then verified.
    Every campaign targets one of the two audiences at all times, and a retried or cleared task resumes where the last
    try stopped. If IQM doesn't update some campaigns, the task fails without a retry. The error names them with IQM's
    reasons; all others are updated, and the old audience isn't deleted.

    :param old_audience_id: The audience to remove. (templated)
    :param new_audience_id: The audience to add. It must be ready. (templated)
    :param campaign_ids: The campaigns. Default: those that include or exclude the old audience (v3 only). (templated)
    :param delete_old: Whether to delete the old audience once no campaign uses it.
    :param iqm_conn_id: The connection to IQM. (templated)
    """

    template_fields: Sequence[str] = ("old_audience_id", "new_audience_id", "campaign_ids", "iqm_conn_id")
    may_be_omitted = frozenset(("campaign_ids",))

    def __init__(
        self,
        *,
        old_audience_id: int | str,
        new_audience_id: int | str,
        campaign_ids: Ids | None = None,
        delete_old: bool = True,
        iqm_conn_id: str = IQMHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.old_audience_id = old_audience_id
        self.new_audience_id = new_audience_id
        self.campaign_ids = campaign_ids
        self.delete_old = delete_old
        self.iqm_conn_id = iqm_conn_id

    def execute(self, context: Context) -> Replacement:
        """Replace the audience, and return what changed."""
        with final_errors_fail_the_task():
            self.check_rendered_arguments()
            old = parse_id("old_audience_id", self.old_audience_id)
            new = parse_id("new_audience_id", self.new_audience_id)
            campaign_ids = None if self.campaign_ids is None else list_ids("campaign_ids", self.campaign_ids)
        IQMAudienceLink.push(self, context, [new])
        audience, done = self.hook._replace_audience(old, new, campaign_ids, delete_old=self.delete_old)
        IQMCampaignLink.push(self, context, [*done["included"], *done["excluded"]])
        log_replacement(self.log, done)
        self.lineage_outputs = [LineageOutput(name=audience["name"], version=new, replacement=done)]
        campaigns = CampaignIds(included=done["included"], excluded=done["excluded"])
        report_audiences(self, context, [{**audience_event(audience), "campaigns": campaigns, "replaced": [old]}])
        return done
