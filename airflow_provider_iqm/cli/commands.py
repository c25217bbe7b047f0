"""What can be asked on the command line, as Airflow's own commands are defined."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_OUTPUT, ActionCommand, Arg, CLICommand, GroupCommand

from airflow_provider_iqm.audience.dry_run_options import EXIT_STATUS, OPTIONS
from airflow_provider_iqm.cli.lazily import lazily
from airflow_provider_iqm.vocabulary import AudienceStatus

ARG_CONNECTION = Arg(("--conn-id",), help="the connection to IQM (default: iqm_default)", default="iqm_default")  # type: ignore[no-untyped-call]
ARG_AUDIENCE_IDS = Arg(("audience_ids",), help="the audiences' ids", type=int, nargs="+", metavar="ID")  # type: ignore[no-untyped-call]
ARG_NAME = Arg(("--name",), help="list only audiences whose name holds this text", default="")  # type: ignore[no-untyped-call]
ARG_STATUS = Arg(  # type: ignore[no-untyped-call]
    ("--status",),
    help=f"list only audiences that are so: {', '.join(AudienceStatus)}",
    type=str.title,
    choices=[status.value for status in AudienceStatus],
    metavar="STATUS",
)
ARG_ACCOUNT = Arg(  # type: ignore[no-untyped-call]
    ("--conn-id",),
    help="a connection to IQM that speaks v3, against whose account's own lists the mapping is checked too",
)
DRY_RUN_ARGS = tuple(Arg(option.flags, **option.facts) for option in OPTIONS)  # type: ignore[no-untyped-call]

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
        args=(ARG_NAME, ARG_STATUS, ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="validate",
        help="Tell what an upload of a file would send, and what is wrong with it; nothing is sent",
        epilog=EXIT_STATUS,
        func=lazily("validate"),
        args=(*DRY_RUN_ARGS, ARG_ACCOUNT),
    ),
)


def get_iqm_cli_commands() -> list[CLICommand]:
    """Return the commands that ``airflow`` gets from this provider."""
    return [GroupCommand(name="iqm", help="Talk to IQM", subcommands=COMMANDS)]
