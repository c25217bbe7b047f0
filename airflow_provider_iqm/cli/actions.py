"""The functions behind the commands."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from airflow.cli.simple_table import AirflowConsole

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.audience.preview.dry_run import dry_run
from airflow_provider_iqm.audience.upload import AudienceUpload
from airflow_provider_iqm.cli.cli_hook import CliHook
from airflow_provider_iqm.cli.logs_on_stderr import logs_on_stderr
from airflow_provider_iqm.exceptions import AudienceNotFoundError
from airflow_provider_iqm.vocabulary import AudienceStatus
from airflow_provider_iqm.wording import printable_on

SHOWN = ("id", "name", "status", "match_rate", "uniques", "records", "reason")
"""The fields of an audience to show."""
MAX_DETAILS = 10
"""The maximum number of audiences whose match rate is requested, one request each, if the list lacks it (classic)."""


def check(arguments: Namespace) -> None:
    """Check the connection: log in to IQM."""
    with logs_on_stderr():
        works, message = CliHook(arguments.conn_id).test_connection()
    (sys.stdout if works else sys.stderr).write(f"{message}\n")
    if not works:
        sys.exit(1)


def columns(arguments: Namespace) -> None:
    """List the columns, data partners and data formats that the account can use."""
    with logs_on_stderr():
        hook = CliHook(arguments.conn_id)
        lists = {
            "column": hook.get_column_list(),
            "data partner": hook.get_data_partners(),
            "data format": hook.get_data_formats(),
        }
    _show([{"list": name, **entry} for name, entries in lists.items() for entry in entries], arguments)


def status(arguments: Namespace) -> None:
    """Show the status and match rate of audiences."""
    with logs_on_stderr():
        hook = CliHook(arguments.conn_id)
        found = [hook.get_matched_audience(audience_id) for audience_id in arguments.audience_ids]
    _show_audiences(found, arguments)


def audiences(arguments: Namespace) -> None:
    """List the account's matched audiences."""
    with logs_on_stderr():
        hook = CliHook(arguments.conn_id)
        found = hook.search_matched_audiences(arguments.name)
        shown = [audience for audience in found if arguments.status in (None, audience["status"])]
        _fill_in_match_rates(shown, hook)
    _show_audiences(shown, arguments)


def campaigns(arguments: Namespace) -> None:
    """List the campaigns that use audiences."""
    with logs_on_stderr():
        hook = CliHook(arguments.conn_id)
        found = hook.get_audience_campaigns(arguments.audience_ids)
        used = [
            (each["audience_id"], targeting, campaign_id)
            for each in found
            for targeting, ids in (("included", each["included"]), ("excluded", each["excluded"]))
            for campaign_id in ids
        ]
        known = {campaign["id"]: campaign for campaign in hook.get_campaigns(campaign_id for _, _, campaign_id in used)}
    unused = {each["audience_id"] for each in found} - {audience_id for audience_id, _, _ in used}
    if unused:
        sys.stderr.write(f"Not used by any campaign: {', '.join(map(str, sorted(unused)))}\n")
    rows = []
    for audience_id, targeting, campaign_id in used:
        campaign = known.get(campaign_id)
        rows.append(
            {
                "audience_id": audience_id,
                "targeting": targeting,
                "campaign_id": campaign_id,
                "name": campaign and campaign["name"],
                "status": campaign and campaign["status"],
            }
        )
    _show(rows, arguments)


def replace(arguments: Namespace) -> None:
    """Replace an audience with another in its campaigns, or show what would change."""
    with logs_on_stderr():
        hook = CliHook(arguments.conn_id)
        plan = hook.plan_replacement(arguments.old, arguments.new, arguments.campaign_ids)
        ids = [*plan.campaigns, *plan.failed]
        known = {campaign["id"]: campaign for campaign in hook.get_campaigns(ids)} if ids else {}
        done = None if arguments.dry_run else hook._execute_plan(plan, [] if arguments.keep_old else [arguments.old])
    rows = []
    for campaign_id in ids:
        campaign = known.get(campaign_id)
        rows.append(
            {
                "campaign_id": campaign_id,
                "name": campaign and campaign["name"],
                "status": campaign and campaign["status"],
                "targeting": plan.campaigns.get(campaign_id),
                "change": plan.failed.get(campaign_id)
                or (f"{arguments.old} -> {plan.new}" if campaign_id in plan.changes else "done already"),
            }
        )
    if done is None:
        sys.stderr.write("Dry run: nothing was changed\n")
    elif done["in_use"]:
        sys.stderr.write(f"Audience {arguments.old} isn't deleted: campaigns still use it\n")
    else:
        sys.stderr.write(
            f"Audience {arguments.old} is {'replaced' if arguments.keep_old else 'replaced and deleted'}\n"
        )
    _show(rows, arguments)


def _fill_in_match_rates(audiences: list[MatchedAudience], hook: CliHook) -> None:
    """Request the details of the newest ready audiences that have no match rate."""
    missing = [
        index
        for index, audience in enumerate(audiences)
        if audience["status"] == AudienceStatus.READY and audience["match_rate"] is None
    ]
    missing.sort(key=lambda index: audiences[index]["id"], reverse=True)
    for index in missing[:MAX_DETAILS]:
        with suppress(AudienceNotFoundError):  # deleted since it was listed
            audiences[index] = hook.get_matched_audience(audiences[index]["id"])
    others = len(missing) - MAX_DETAILS
    if others > 0:
        sys.stderr.write(
            f"Match rates are shown for the {MAX_DETAILS} newest ready audiences only (one request each). For the "
            f"other {others}, run: status ID\n"
        )


def validate(arguments: Namespace) -> None:
    """Check a file as an upload would, without sending it."""
    check_mapping = None
    if arguments.conn_id:
        hook = CliHook(arguments.conn_id)
        with logs_on_stderr():
            # Fail on an invalid connection before reading the file, which can take minutes.
            hook.settings  # noqa: B018

        def check_mapping(upload: AudienceUpload) -> bool:
            with logs_on_stderr():
                return hook.check_mapping(upload)

    exit_status = dry_run(arguments, check_mapping=check_mapping)
    if exit_status:
        sys.exit(exit_status)


def _show_audiences(found: Sequence[Any], arguments: Namespace) -> None:
    _show([{key: audience[key] for key in SHOWN} for audience in found], arguments)


def _show(rows: list[dict[str, Any]], arguments: Namespace) -> None:
    if arguments.output == "json":
        # For programs: keep numbers, and don't wrap lines.
        sys.stdout.write(printable_on(sys.stdout, json.dumps(rows, ensure_ascii=False) + "\n"))
        return
    rows = [
        {key: printable_on(sys.stdout, value) if isinstance(value, str) else value for key, value in row.items()}
        for row in rows
    ]
    if arguments.output == "table":
        rows = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
    AirflowConsole().print_as(data=rows, output=arguments.output)
