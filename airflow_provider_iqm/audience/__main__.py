"""``python -m airflow_provider_iqm.audience``: dry run of an upload, without Airflow, IQM or a connection."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_iqm.audience.preview.dry_run import dry_run
from airflow_provider_iqm.audience.preview.options import EXIT_STATUS, OPTIONS
from airflow_provider_iqm.command_line import plain_exit


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the dry run.

    :param arguments: Command-line arguments; ``None`` for ``sys.argv``.
    :return: The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_iqm.audience",
        description="Check a file as an upload would, and print what would be sent. Nothing is sent.",
        epilog=EXIT_STATUS,
    )
    for option in OPTIONS:
        parser.add_argument(*option.flags, **option.kwargs)
    with plain_exit():
        return dry_run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
