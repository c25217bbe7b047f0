"""``python -m airflow_provider_iqm.audience``: what an upload would send, without Airflow, IQM or a connection."""

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

    :param arguments: The command line's arguments; ``None`` for those of this process.
    :return: The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_iqm.audience",
        description="Tell what an upload would send and what is wrong with it. Nothing is sent.",
        epilog=EXIT_STATUS,
    )
    for option in OPTIONS:
        parser.add_argument(*option.flags, **option.facts)
    with plain_exit():
        return dry_run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
