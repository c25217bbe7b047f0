"""The commands of ``airflow iqm``."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_OUTPUT, ActionCommand, Arg, CLICommand, GroupCommand

from airflow_provider_iqm.audience.preview.options import EXIT_STATUS, OPTIONS
from airflow_provider_iqm.cli.lazy_command import lazy_command
from airflow_provider_iqm.vocabulary import AudienceStatus

ARG_CONNECTION = Arg(("--conn-id",), help="Airflow connection to IQM (default: iqm_default)", default="iqm_default")  # type: ignore[no-untyped-call]
ARG_AUDIENCE_IDS = Arg(("audience_ids",), help="id of an audience", type=int, nargs="+", metavar="ID")  # type: ignore[no-untyped-call]
ARG_NAME = Arg(("--name",), help="only audiences whose name contains this text", default="")  # type: ignore[no-untyped-call]
ARG_STATUS = Arg(  # type: ignore[no-untyped-call]
    ("--status",),
    help=f"only audiences with this status: {', '.join(AudienceStatus)}",
    type=str.title,
    choices=[status.value for status in AudienceStatus],
    metavar="STATUS",
)
ARG_OLD = Arg(("old",), help="id of the audience to remove", type=int, metavar="OLD")  # type: ignore[no-untyped-call]
ARG_NEW = Arg(("new",), help="id of the audience to add, which must be ready", type=int, metavar="NEW")  # type: ignore[no-untyped-call]
ARG_CAMPAIGN_IDS = Arg(  # type: ignore[no-untyped-call]
    ("--campaign-ids",),
    help="the campaigns (default: those that use the old audience; v3 only)",
    type=int,
    nargs="+",
    metavar="ID",
)
ARG_KEEP_OLD = Arg(("--keep-old",), help="don't delete the old audience", action="store_true")  # type: ignore[no-untyped-call]
ARG_DRY_RUN = Arg(("--dry-run",), help="show what would change, and change nothing", action="store_true")  # type: ignore[no-untyped-call]
ARG_ACCOUNT = Arg(  # type: ignore[no-untyped-call]
    ("--conn-id",),
    help="also check the mapping against the account of this connection (needs api_version v3)",
)
DRY_RUN_ARGS = tuple(Arg(option.flags, **option.kwargs) for option in OPTIONS)  # type: ignore[no-untyped-call]

COMMANDS = (
    ActionCommand(
        name="check",
        help="Check the connection: log in to IQM",
        func=lazy_command("check"),
        args=(ARG_CONNECTION,),
    ),
    ActionCommand(
        name="columns",
        help="List the columns, data partners and data formats that the account can use",
        func=lazy_command("columns"),
        args=(ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="status",
        help="Show the status and match rate of audiences",
        func=lazy_command("status"),
        args=(ARG_AUDIENCE_IDS, ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="audiences",
        help="List the account's matched audiences",
        func=lazy_command("audiences"),
        args=(ARG_NAME, ARG_STATUS, ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="campaigns",
        help="List the campaigns that use audiences (v3 only)",
        func=lazy_command("campaigns"),
        args=(ARG_AUDIENCE_IDS, ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="replace",
        help="Replace an audience with another in its campaigns, verify them, and delete the old one",
        func=lazy_command("replace"),
        args=(ARG_OLD, ARG_NEW, ARG_CAMPAIGN_IDS, ARG_KEEP_OLD, ARG_DRY_RUN, ARG_CONNECTION, ARG_OUTPUT),
    ),
    ActionCommand(
        name="validate",
        help="Check a file as an upload would, without sending it",
        epilog=EXIT_STATUS,
        func=lazy_command("validate"),
        args=(*DRY_RUN_ARGS, ARG_ACCOUNT),
    ),
)


def get_iqm_cli_commands() -> list[CLICommand]:
    """Return the provider's commands for the ``airflow`` CLI."""
    return [GroupCommand(name="iqm", help="Check connections, audiences and files for IQM", subcommands=COMMANDS)]
