"""What the commands do."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from airflow.cli.simple_table import AirflowConsole

from airflow_provider_iqm.hooks.iqm import IQMHook

SHOWN = ("id", "name", "status", "match_rate", "uniques", "records", "reason")
"""What is shown of an audience."""


def check(arguments: Namespace) -> None:
    """Log in, and say whether it worked."""
    works, message = IQMHook(arguments.conn_id).test_connection()
    (sys.stdout if works else sys.stderr).write(f"{message}\n")
    if not works:
        sys.exit(1)


def columns(arguments: Namespace) -> None:
    """List the account's columns, data partners and data formats."""
    hook = IQMHook(arguments.conn_id)
    lists = {
        "column": hook.get_column_list(),
        "data partner": hook.get_data_partners(),
        "data format": hook.get_data_formats(),
    }
    _show([{"list": name, **entry} for name, entries in lists.items() for entry in entries], arguments)


def status(arguments: Namespace) -> None:
    """Say how far audiences are."""
    hook = IQMHook(arguments.conn_id)
    _show_audiences([hook.get_matched_audience(audience_id) for audience_id in arguments.audience_ids], arguments)


def audiences(arguments: Namespace) -> None:
    """List the account's matched audiences."""
    _show_audiences(IQMHook(arguments.conn_id).search_matched_audiences(arguments.name), arguments)


def _show_audiences(found: Sequence[Any], arguments: Namespace) -> None:
    _show([{key: audience[key] for key in SHOWN} for audience in found], arguments)


def _show(rows: list[dict[str, Any]], arguments: Namespace) -> None:
    if arguments.output == "json":
        # For programs: numbers stay numbers, and no line is broken for the sake of the screen.
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
        return
    if arguments.output == "table":
        rows = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
    AirflowConsole().print_as(data=rows, output=arguments.output)
