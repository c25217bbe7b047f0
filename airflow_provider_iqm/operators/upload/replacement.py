"""Replaces the audiences of a task's earlier runs with the one that it uploads."""

from __future__ import annotations

from math import inf
from types import UnionType
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_iqm.assets.current_audience import CurrentAudience
from airflow_provider_iqm.exceptions import AudienceOptionError, RecordCountError
from airflow_provider_iqm.links.campaign import IQMCampaignLink
from airflow_provider_iqm.operators.ids import list_ids, parse_id
from airflow_provider_iqm.operators.replacement_log import join_ids, log_replacement
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.audience import ReadyAudience
    from airflow_provider_iqm.api.replacement.execution import Replacement
    from airflow_provider_iqm.api.replacement.plan import ReplacementPlan
    from airflow_provider_iqm.assets.current_audience import CurrentAudienceStore
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
    The replacement of audiences by an upload.

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
        Check the arguments before anything is uploaded.

        :raises AudienceOptionError: An argument is invalid.
        """
        task = self._task
        if task.replaces not in (None, PREVIOUS):
            parse_id("replaces", task.replaces)
        if task.campaign_ids is not None:
            list_ids("campaign_ids", task.campaign_ids)
        _check_number("keep_replaced", task.keep_replaced, int, "a whole number, 0 or more")
        if task.min_records is not None:
            _check_number("min_records", task.min_records, int, "a whole number, 0 or more")
        if task.max_records_drop is not None:
            _check_number("max_records_drop", task.max_records_drop, int | float, "a number from 0 to 100", 100)
            if not self._requested:
                raise AudienceOptionError(
                    "max_records_drop compares the list with the audience that it replaces. Set replaces or "
                    "campaign_ids, or use min_records."
                )
        if task.replaces and task.campaign_ids is None and task.hook.settings.api_version == "classic":
            raise AudienceOptionError(
                "replaces requires campaign_ids on a classic connection: the classic API doesn't report which "
                "campaigns use an audience."
            )
        for argument in ("replaces", "max_records_drop"):
            if getattr(task, argument) is not None:
                self._history.check_enabled(argument)
        if task.replaces == PREVIOUS and self._store.map_index >= 0 and not self._store.label:
            raise AudienceOptionError(
                'replaces="previous" in a mapped task requires map_index_template: a map index can be another list in '
                "the next run. Set it to a label of the list that is the same in all runs, such as "
                "\"{{ task.parameters['state'] }}\"."
            )
        if self._requested:
            # Fail before the upload if the history can't be read or belongs to another list.
            self._read_current()

    def check_records(self, records: int) -> None:
        """
        Check the number of records before the list is uploaded.

        :param records: The number of records in the list.
        :raises RecordCountError: The list has too few records.
        """
        task = self._task
        if task.min_records is not None and records < task.min_records:
            raise RecordCountError(
                f"The list has {count_of(records, 'record')}, fewer than min_records={task.min_records:,}. Nothing was "
                "uploaded, and campaigns are unchanged. Check the list's source, or lower min_records."
            )
        if task.max_records_drop is None:
            return
        current = self._read_current()
        if current is None or not current.records:
            return
        drop = 100 * (current.records - records) / current.records
        if drop > task.max_records_drop:
            raise RecordCountError(
                f"The list has {count_of(records, 'record')}, {drop:.1f} % fewer than the {current.records:,} before; "
                f"max_records_drop is {task.max_records_drop:g}. Nothing was uploaded, and campaigns are unchanged. "
                "Check the list's source, or run once with a higher max_records_drop."
            )

    @property
    def own_audiences(self) -> list[int] | None:
        """The audiences that the task's runs created to replace each other; None without a replacement."""
        return _created(self._read_current()) if self._requested else None

    def remember(self, audience_id: int) -> None:
        """
        Store an audience before it is ready and checked, so that a later run replaces or deletes it.

        :param audience_id: The audience.
        :raises IQMError: The audience can't be stored. Campaigns are unchanged.
        """
        if not self._requested:
            return
        current = self._read_current()
        if not self._why_superseded(current):
            self._save(audience_id, _created(current, but=audience_id), before=current)

    @property
    def advice(self) -> str:
        """What to do after a failed check."""
        current = self._read_current() if self._requested else None
        if current is None:
            return ""
        new, old = current.audience_ids[0], current.placed or self._given
        if old is None or old == new:
            return ""
        return f" Campaigns still use audience {old}. To accept the new one: airflow iqm replace {old} {new}"

    def carry_out(self, audience: ReadyAudience) -> Replacement | None:
        """
        Replace the earlier audiences with a ready one, and return the result; None without a replacement.

        :param audience: The audience.
        :raises CampaignTargetingError: Some campaigns weren't changed. All others were, and nothing is deleted.
        """
        if not self._requested:
            return None
        task, new, current = self._task, audience["id"], self._read_current()
        if reason := self._why_superseded(current):
            self._log.warning(
                "Leaving campaigns unchanged: %s. If audience %s isn't needed, delete it in IQM",
                reason,
                new,
            )
            return None
        campaign_ids = None if task.campaign_ids is None else list_ids("campaign_ids", task.campaign_ids)
        created, given = _created(current, but=new), self._given
        old = [given] if given is not None else created if task.replaces else []
        old = [each for each in old if each != new]
        if not old and campaign_ids is None:
            self._log.info(
                "No earlier audience to replace. Add audience %s to campaigns in IQM, or set campaign_ids; later runs "
                "replace it there",
                new,
            )
            self._save(new, created, before=current, placed=audience)
            return None
        with final_errors_fail_the_task():
            plan = task.hook._plan_replacement(old, new, campaign_ids)
        if current and current.placed and old and plan.unused:
            self._log.warning("No campaign uses the earlier audience %s anymore", join_ids(old))
            if campaign_ids and not self._history.shared:
                self._log.warning(
                    "Leaving campaigns unchanged: a newer run may have replaced it. To use audience %s anyway: "
                    "airflow iqm replace OLD %s",
                    new,
                    new,
                )
                return None
        if plan.changes:
            count = count_of(len(plan.changes), "campaign")
            if old:
                self._log.info("Replacing audience %s with %s in %s", join_ids(old), new, count)
            else:
                self._log.info("Adding audience %s to %s", new, count)
        failed = _failed(created, current, plan)
        replaced = [each for each in created if each not in failed]
        delete = [each for each in [*failed, *replaced[task.keep_replaced :]] if each in old]
        done = task.hook._execute_plan(plan, delete)
        log_replacement(self._log, done)
        self._save(new, [each for each in created if each not in done["deleted"]], before=current, placed=audience)
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
    def _given(self) -> int | None:
        return None if self._task.replaces in (None, PREVIOUS) else parse_id("replaces", self._task.replaces)

    @property
    def _store(self) -> CurrentAudienceStore:
        return self._history.current

    def _read_current(self) -> CurrentAudience | None:
        """Read the history, once for each step, because other tries or runs may change it in between."""
        current = self._store.read()
        if current is None or current.account != self._account:
            return None
        if current.order == self._order and current.map_index != self._store.map_index:
            raise AudienceOptionError(
                f"Map indexes {current.map_index} and {self._store.map_index} have the same label, so one would "
                "replace the audience of the other. Set map_index_template to a different label for each list."
            )
        return current

    def _why_superseded(self, current: CurrentAudience | None) -> str:
        """Return why campaigns may already use the audience of a newer run; empty if they can't."""
        if current and current.order > self._order:
            return f"a newer run has created audience {current.audience_ids[0]}"
        if self._backfill and not self._history.shared:
            return "this is a backfill, and campaigns may already use the audience of a newer run"
        return ""

    def _save(
        self,
        audience_id: int,
        earlier: list[int],
        *,
        before: CurrentAudience | None,
        placed: ReadyAudience | None = None,
    ) -> None:
        self._store.save(
            CurrentAudience(
                audience_ids=[audience_id, *earlier],
                placed=placed["id"] if placed else before.placed if before else None,
                records=placed["records"] if placed else before.records if before else None,
                order=self._order,
                map_index=self._store.map_index,
                account=self._account,
            )
        )


def _created(current: CurrentAudience | None, *, but: int | None = None) -> list[int]:
    """Return the audiences that the task's runs created, newest first, except for one."""
    return [each for each in current.audience_ids if each != but] if current else []


def _failed(created: list[int], current: CurrentAudience | None, plan: ReplacementPlan) -> list[int]:
    """Return the audiences newer than the last one in place, except for those that campaigns use."""
    placed = current.placed if current else None
    newer = created[: created.index(placed)] if placed in created else [] if placed else created
    return [each for each in newer if each not in plan.uses or not plan.uses[each].used]


def _check_number(argument: str, value: object, kind: type | UnionType, expected: str, most: float = inf) -> None:
    if not isinstance(value, kind) or isinstance(value, bool) or not 0 <= value <= most:  # type: ignore[operator]
        shown = f"a {type(value).__name__}" if isinstance(value, str) else repr(value)
        raise AudienceOptionError(f"{argument} is {shown}. It must be {expected}.")
