"""Imports commands when they run, to keep ``airflow --help`` fast."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module


def lazy_command(name: str) -> Callable[[Namespace], None]:
    """
    Return a command that imports its function when it runs, and prints errors as one line.

    :param name: The function's name in :mod:`airflow_provider_iqm.cli.actions`.
    """

    def run(arguments: Namespace) -> None:
        # Makes Airflow 3 search its metadata database for connections, after secrets backends and environment
        # variables. Airflow's own commands (``airflow connections get``) set it too.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        from airflow_provider_iqm.command_line import plain_exit
        from airflow_provider_iqm.exceptions import IQMError

        with plain_exit():
            try:
                getattr(import_module("airflow_provider_iqm.cli.actions"), name)(arguments)
            except IQMError as error:
                sys.exit(f"{type(error).__name__}: {error}")

    return run
