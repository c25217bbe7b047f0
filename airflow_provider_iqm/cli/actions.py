"""What the commands do."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from airflow.cli.simple_table import AirflowConsole

from airflow_provider_iqm.audience.dry_run import dry_run
from airflow_provider_iqm.audience.upload import AudienceUpload
from airflow_provider_iqm.cli.logs_on_stderr import logs_on_stderr
from airflow_provider_iqm.cli.watched_hook import WatchedHook
from airflow_provider_iqm.wording import printable_on

SHOWN = ("id", "name", "status", "match_rate", "uniques", "records", "reason")
"""What is shown of an audience."""


def check(arguments: Namespace) -> None:
    """Log in, and say whether it worked."""
    with logs_on_stderr():
        works, message = WatchedHook(arguments.conn_id).test_connection()
    (sys.stdout if works else sys.stderr).write(f"{message}\n")
    if not works:
        sys.exit(1)


def columns(arguments: Namespace) -> None:
    """List the account's columns, data partners and data formats."""
    with logs_on_stderr():
        hook = WatchedHook(arguments.conn_id)
        lists = {
            "column": hook.get_column_list(),
            "data partner": hook.get_data_partners(),
            "data format": hook.get_data_formats(),
        }
    _show([{"list": name, **entry} for name, entries in lists.items() for entry in entries], arguments)


def status(arguments: Namespace) -> None:
    """Say how far audiences are."""
    with logs_on_stderr():
        hook = WatchedHook(arguments.conn_id)
        found = [hook.get_matched_audience(audience_id) for audience_id in arguments.audience_ids]
    _show_audiences(found, arguments)


def audiences(arguments: Namespace) -> None:
    """List the account's matched audiences."""
    with logs_on_stderr():
        found = WatchedHook(arguments.conn_id).search_matched_audiences(arguments.name)
    _show_audiences([audience for audience in found if arguments.status in (None, audience["status"])], arguments)


def validate(arguments: Namespace) -> None:
    """Say what an upload of a file would send, and what is wrong with it."""
    check_mapping = None
    if arguments.conn_id:
        hook = WatchedHook(arguments.conn_id)
        with logs_on_stderr():
            # What is wrong with the connection shows before minutes are spent on reading the file.
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
        # For programs: numbers stay numbers, and no line is broken for the sake of the screen.
        sys.stdout.write(printable_on(sys.stdout, json.dumps(rows, ensure_ascii=False) + "\n"))
        return
    rows = [
        {key: printable_on(sys.stdout, value) if isinstance(value, str) else value for key, value in row.items()}
        for row in rows
    ]
    if arguments.output == "table":
        rows = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
    AirflowConsole().print_as(data=rows, output=arguments.output)
