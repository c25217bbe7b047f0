"""``python -m airflow_provider_iqm.sandbox``: starts a local IQM and runs until it is interrupted."""

import argparse
import json
import logging
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path

try:
    from airflow_provider_iqm.sandbox.server import Sandbox
    from airflow_provider_iqm.sandbox.settings import SandboxSettings
    from airflow_provider_iqm.sandbox.warehouse import create_warehouse
except ModuleNotFoundError as missing:
    raise SystemExit(f"The sandbox needs {missing.name}: pip install 'airflow-provider-iqm[sandbox]'") from missing

_EPILOG = """\
An audience whose name contains [fail] or [reject] ends as Failed or Rejected.
The calls below /_sandbox (settings, requests, faults, audiences, campaigns, outcomes, expire-tokens, advance, reset)
look inside and break things on order; they ask for no password, so don't listen on more than loopback without need.
"""


def _parser() -> argparse.ArgumentParser:
    defaults = SandboxSettings()
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_iqm.sandbox",
        description="A local IQM, for demos, tests and trying Dags without an account.",
        epilog=_EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )

    def add(option: str, kind: type, text: str) -> None:
        name = option.removeprefix("--").replace("-", "_")
        parser.add_argument(option, type=kind, default=getattr(defaults, name), help=text)

    add("--host", str, "address to listen on")
    add("--port", int, "port to listen on; 0 takes any free one")
    add("--client-id", str, "client id that a log-in must show")
    add("--client-secret", str, "client secret that a log-in must show")
    add("--email", str, "the account's user")
    add("--password", str, "the user's password")
    add("--workspace-host", str, "what X-IAA-HOST must say")
    add("--ow-id", int, "the workspace's id")
    add("--requests-per-minute", int, "API calls allowed in any window")
    add("--rate-limit-window", float, "length of the window in seconds")
    parser.add_argument("--retry-after", action="store_true", help="send Retry-After with a 429")
    add("--token-seconds", int, "life of an access token in seconds")
    parser.add_argument("--on-hold", action="store_true", help="answer log-ins with 400 On Hold")
    add("--processing-seconds", float, "how long a new audience is Processing")
    add("--pending-seconds", float, "how long it is Pending after that")
    parser.add_argument(
        "--list-delay",
        "--list-delay-seconds",
        type=float,
        default=defaults.list_delay_seconds,
        dest="list_delay_seconds",
        metavar="SECONDS",
        help="seconds until a new audience shows up in the list; its details are there at once",
    )
    parser.add_argument(
        "--warehouse",
        type=Path,
        help="SQLite database with made-up customers for the example Dags; created unless it is there",
    )
    add("--keep-files", Path, "folder to keep accepted uploads in")
    parser.add_argument(
        "--log-level", default="warning", choices=["debug", "info", "warning", "error"], help="log level"
    )
    return parser


def _announce(sandbox: Sandbox, warehouse: Path | None) -> None:
    settings = sandbox.settings
    connection = {
        "conn_type": "iqm",
        "host": sandbox.url,
        "login": settings.email,
        "password": settings.password,
        "extra": {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "workspace_host": settings.workspace_host,
            "rate_limit_window": settings.rate_limit_window,
        },
    }
    print(f"IQM sandbox listening on {sandbox.url}")
    print("To use it as Airflow's connection iqm_default, in this shell only:")
    print(f"export AIRFLOW_CONN_IQM_DEFAULT={shlex.quote(json.dumps(connection))}")
    print("or stored in Airflow's database:")
    print(f"airflow connections add iqm_default --conn-json {shlex.quote(json.dumps(connection))}")
    if warehouse:
        print(f"To use {warehouse} as Airflow's connection warehouse:")
        print(f"airflow connections add warehouse --conn-type sqlite --conn-host {shlex.quote(str(warehouse))}")
    print("Stop it with Ctrl+C.", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run a sandbox until SIGINT or SIGTERM.

    :param arguments: the command line's arguments; None for those of this process.
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    warehouse = options.pop("warehouse")
    if warehouse:
        warehouse = warehouse.absolute()
        if not warehouse.parent.is_dir():
            parser.error(f"There is no folder {warehouse.parent}.")
        if not warehouse.exists():
            create_warehouse(warehouse)
    logging.basicConfig(level=options.pop("log_level").upper(), format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = SandboxSettings.model_validate(options)
    except ValueError as wrong:
        parser.error(str(wrong))
    # Blocked before any thread starts, so that the signals wait for sigwait and interrupt nothing.
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    try:
        with Sandbox(settings) as sandbox:
            _announce(sandbox, warehouse)
            signal.sigwait(stop)
    except OSError as taken:
        parser.error(f"Can't listen on {settings.host}:{settings.port}: {taken.strerror}.")


if __name__ == "__main__":
    main()
