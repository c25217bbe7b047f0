"""What can be asked on the command line, as Airflow's own commands are defined."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_OUTPUT, ActionCommand, Arg, CLICommand, GroupCommand

from airflow_provider_iqm.cli.lazily import lazily

ARG_CONNECTION = Arg(("--conn-id",), help="the connection to IQM (default: iqm_default)", default="iqm_default")  # type: ignore[no-untyped-call]
ARG_AUDIENCE_IDS = Arg(("audience_ids",), help="the audiences' ids", type=int, nargs="+", metavar="ID")  # type: ignore[no-untyped-call]
ARG_NAME = Arg(("--name",), help="list only audiences whose name holds this text", default="")  # type: ignore[no-untyped-call]

COMMANDS = (
    ActionCommand(
        name="check",
        help="Log in, and say whether it worked",
        func=lazily("check"),
        args=(ARG_CONNECTION,),
    ),
    ActionCommand(
        name="columns",
        help="List the account's columns, data partners and data formats",
        func=lazily("columns"),
        args=(ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="status",
        help="Say how far audiences are",
        func=lazily("status"),
        args=(ARG_AUDIENCE_IDS, ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="audiences",
        help="List the account's matched audiences",
        func=lazily("audiences"),
        args=(ARG_NAME, ARG_CONNECTION, ARG_OUTPUT),
    ),
)


def get_iqm_cli_commands() -> list[CLICommand]:
    """Return the commands that ``airflow`` gets from this provider."""
    return [GroupCommand(name="iqm", help="Talk to IQM", subcommands=COMMANDS)]
