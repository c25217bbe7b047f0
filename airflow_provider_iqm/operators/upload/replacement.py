"""Puts the audience of an upload in the place of the audiences that earlier runs of the task have made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_iqm.assets.history import CurrentAudience
from airflow_provider_iqm.exceptions import AudienceOptionError, RecordCountError
from airflow_provider_iqm.links.campaign import IQMCampaignLink
from airflow_provider_iqm.operators.ids import list_ids, parse_id
from airflow_provider_iqm.operators.replacement_log import log_replacement
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.audience import ReadyAudience
    from airflow_provider_iqm.api.replacement import Replacement
    from airflow_provider_iqm.assets.history import AudienceHistory
    from airflow_provider_iqm.hooks.iqm import IQMHook
    from airflow_provider_iqm.log import Log
    from airflow_provider_iqm.operators.campaign import Ids

PREVIOUS = "previous"


class ReplacingTask(Protocol):
    """An upload with the arguments of a replacement."""

    replaces: int | str | None
    campaign_ids: Ids | None
    keep_replaced: int
    min_records: int | None
    max_records_drop: float | None

    @property
    def hook(self) -> IQMHook:
        """The hook to IQM."""

    @property
    def log(self) -> Log:
        """The task's log."""


class AudienceReplacement:
    """
    The replacement that an upload asks for.

    :param task: The upload.
    :param context: The task's context.
    :param history: The history of the task's audience.
    """

    def __init__(self, task: ReplacingTask, context: Context, history: AudienceHistory) -> None:
        self._task = task
        self._context = context
        self._history = history
        self._log = task.log
        run: Any = context.get("dag_run")
        moment = getattr(run, "run_after", None) or getattr(run, "logical_date", None)
        self._order = float(moment.timestamp()) if moment is not None else 0.0
        self._backfill = str(getattr(run, "run_type", "")).rpartition(".")[2].lower().startswith("backfill")

    def check_arguments(self) -> None:
        """
        Check the arguments, before anything is uploaded.

        :raises AudienceOptionError: One of them can't be used.
        """
        task = self._task
        if task.replaces not in (None, PREVIOUS):
            parse_id("replaces", task.replaces)
        if task.campaign_ids is not None:
            list_ids("campaign_ids", task.campaign_ids)
        if not isinstance(task.keep_replaced, int) or task.keep_replaced < 0:
            raise AudienceOptionError(f"keep_replaced is {task.keep_replaced!r}. It must be a whole number from 0 on.")
        if task.max_records_drop is not None and not 0 <= task.max_records_drop <= 100:
            raise AudienceOptionError(f"max_records_drop is {task.max_records_drop!r}. It must be from 0 to 100.")
        if task.replaces and task.campaign_ids is None and task.hook.settings.api_version == "classic":
            raise AudienceOptionError(
                "replaces needs campaign_ids on a classic connection: the classic API doesn't tell which campaigns use "
                "an audience."
            )
        for argument in ("replaces", "max_records_drop"):
            if getattr(task, argument) is not None:
                self._history.check_enabled(argument)

    def check_records(self, records: int) -> None:
        """
        Check the number of records, before the list is uploaded.

        :param records: How many records the list has.
        :raises RecordCountError: There are too few.
        """
        task = self._task
        if task.min_records is not None and records < task.min_records:
            raise RecordCountError(
                f"The list has {count_of(records, 'record')}, fewer than min_records={task.min_records:,}. Nothing was "
                "uploaded, and campaigns are unchanged. Check the list's source, or lower min_records."
            )
        current = self._current if task.max_records_drop is not None else None
        if current is None or not current.records or task.max_records_drop is None:
            return
        drop = 100 * (current.records - records) / current.records
        if drop > task.max_records_drop:
            raise RecordCountError(
                f"The list has {count_of(records, 'record')}, {drop:.1f} % fewer than the {current.records:,} before; "
                f"max_records_drop is {task.max_records_drop:g}. Nothing was uploaded, and campaigns are unchanged. "
                "Check the list's source, or run once with a higher max_records_drop."
            )

    def remember(self, audience: ReadyAudience) -> None:
        """
        Store a ready audience before it passes its gates, so that a later run replaces or deletes it.

        :param audience: The audience.
        """
        if self._requested and not self._superseded:
            self._save(audience, self._earlier(audience))

    @property
    def advice(self) -> str:
        """How to go on after a failed gate."""
        current = self._current if self._requested else None
        if current is None or len(current.audience_ids) < 2:
            return ""
        new, old = current.audience_ids[:2]
        return f" Campaigns still use the earlier audience. To accept the new one: airflow iqm replace {old} {new}"

    def carry_out(self, audience: ReadyAudience) -> Replacement | None:
        """
        Put a ready audience in the place of the earlier ones, and return what was changed, if anything was to be.

        :param audience: The audience.
        :raises CampaignTargetingError: Some campaigns can't be changed; all others were, and nothing is deleted.
        """
        task, new, current = self._task, audience["id"], self._current
        if not self._requested:
            return None
        if self._superseded:
            self._log.warning("Audience %s isn't put into campaigns: %s", new, self._superseded)
            return None
        campaign_ids = None if task.campaign_ids is None else list_ids("campaign_ids", task.campaign_ids)
        made = self._earlier(audience)
        given = None if task.replaces in (None, PREVIOUS) else parse_id("replaces", task.replaces)
        old = [given] if given is not None else made if task.replaces else []
        old = [each for each in old if each != new]
        if not old and campaign_ids is None:
            self._log.info("There is no earlier audience to replace; campaigns are unchanged")
            self._save(audience, made, in_place=True)
            return None
        with final_errors_fail_the_task():
            plan = task.hook._plan_replacement(old, new, campaign_ids)
        if current and current.in_place and old and plan.untouched:
            self._log.warning("No campaign uses the earlier audience %s any more", ", ".join(map(str, old)))
            if campaign_ids and not self._history.shared:
                self._log.warning(
                    "A newer run may have replaced it: audience %s isn't put into campaigns. If it is to be, run: "
                    "airflow iqm replace",
                    new,
                )
                return None
        self._log.info("Replacing audience %s by %s in %s", old, new, count_of(len(plan.changes), "campaign"))
        delete = [each for each in made[task.keep_replaced :] if each in old]
        done = task.hook._carry_out(plan, delete)
        log_replacement(self._log, done)
        self._save(audience, [each for each in made if each not in done["deleted"]], in_place=True)
        campaigns = [*done["included"], *done["excluded"]]
        if campaigns:
            IQMCampaignLink.push(task, self._context, campaigns)  # type: ignore[arg-type]
        return done

    @property
    def _requested(self) -> bool:
        return self._task.replaces is not None or self._task.campaign_ids is not None

    @property
    def _account(self) -> str:
        settings = self._task.hook.settings
        return f"{settings.base_url} {settings.credentials.workspace_host} {settings.credentials.ow_id}"

    @property
    def _current(self) -> CurrentAudience | None:
        current = self._history.current()
        return current if current and current.account == self._account else None

    @property
    def _superseded(self) -> str:
        """Why a newer run's audience is or may be in place; empty if it can't be."""
        current = self._current
        if current and current.order > self._order:
            return f"a newer run has put audience {current.audience_ids[0]} in place"
        if self._backfill and not self._history.shared:
            return "this is a backfill, and a newer run may have put its audience in place"
        return ""

    def _earlier(self, audience: ReadyAudience) -> list[int]:
        current = self._current
        return [each for each in current.audience_ids if each != audience["id"]] if current else []

    def _save(self, audience: ReadyAudience, earlier: list[int], *, in_place: bool = False) -> None:
        current = self._current or CurrentAudience(
            audience_ids=[], records=None, order=self._order, in_place=False, account=self._account
        )
        self._history.save_current(
            replace(
                current,
                audience_ids=[audience["id"], *earlier],
                records=audience["records"] if in_place else current.records,
                order=self._order,
                in_place=in_place or current.in_place,
            )
        )
