"""``python -m airflow_provider_iqm``: the command line without Airflow's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from airflow_provider_iqm.command_line import plain_exit


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run a command.

    :param arguments: The command line's arguments; None for those of this process.
    """
    # Importing Airflow takes a second, in which the user may press Ctrl-C.
    from airflow_provider_iqm.cli.commands import COMMANDS

    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_iqm", description="Check connections, audiences and files for IQM."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name, help=command.help, description=command.help, epilog=command.epilog
        )
        for argument in command.args:
            argument.add_to_parser(subparser)
        subparser.set_defaults(run=command.func)
    given = parser.parse_args(arguments)
    given.run(given)


if __name__ == "__main__":
    with plain_exit():
        main()
