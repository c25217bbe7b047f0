"""Commands that are imported when they run: ``airflow --help`` has to be quick."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module


def lazily(name: str) -> Callable[[Namespace], None]:
    """
    Return a command that imports its function when it runs, and tells an error in a line.

    :param name: The function's name in :mod:`airflow_provider_iqm.cli.actions`.
    """

    def run(arguments: Namespace) -> None:
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        from airflow_provider_iqm.exceptions import IQMError

        try:
            getattr(import_module("airflow_provider_iqm.cli.actions"), name)(arguments)
        except (IQMError, AirflowNotFoundException) as error:
            sys.exit(f"{type(error).__name__}: {error}")

    return run
