"""``python -m airflow_provider_iqm.sandbox``: run the sandbox until it is interrupted."""

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
An audience whose name contains [fail] or [reject] ends up Failed or Rejected.
The admin API under /_sandbox (settings, requests, faults, audiences, campaigns, outcomes, expire-tokens, advance,
reset) inspects the sandbox and injects faults. It has no authentication: listen on loopback only.
"""


def _parser() -> argparse.ArgumentParser:
    defaults = SandboxSettings()
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_iqm.sandbox",
        description="Run a local stand-in for IQM, for demos, tests and trying Dags without an account.",
        epilog=_EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )

    def add(option: str, kind: type, text: str) -> None:
        name = option.removeprefix("--").replace("-", "_")
        parser.add_argument(option, type=kind, default=getattr(defaults, name), help=text)

    add("--host", str, "address to listen on")
    add("--port", int, "port to listen on; 0 for any free port")
    add("--client-id", str, "client id of the API client")
    add("--client-secret", str, "client secret of the API client")
    add("--email", str, "email of the user")
    add("--password", str, "password of the user")
    add("--workspace-host", str, "workspace host (X-IAA-HOST)")
    add("--ow-id", int, "organization workspace id")
    add("--requests-per-minute", int, "rate limit: requests per window")
    add("--rate-limit-window", float, "rate limit: length of the window in seconds")
    parser.add_argument("--retry-after", action="store_true", help="send Retry-After with HTTP 429")
    add("--token-seconds", int, "lifetime of an access token in seconds")
    parser.add_argument("--on-hold", action="store_true", help="answer logins with HTTP 400 On Hold")
    add("--processing-seconds", float, "seconds that a new audience is Processing")
    add("--pending-seconds", float, "seconds that it is Pending afterwards")
    parser.add_argument(
        "--list-delay",
        "--list-delay-seconds",
        type=float,
        default=defaults.list_delay_seconds,
        dest="list_delay_seconds",
        metavar="SECONDS",
        help="seconds until the list shows a new audience; its details are available at once",
    )
    parser.add_argument(
        "--warehouse",
        type=Path,
        help="SQLite database with fictional customers for the example Dags; created if it doesn't exist",
    )
    add("--keep-files", Path, "directory to keep accepted uploads in")
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
    print("Set it as Airflow's connection iqm_default in this shell:")
    print(f"export AIRFLOW_CONN_IQM_DEFAULT={shlex.quote(json.dumps(connection))}")
    print("or add it to Airflow's database:")
    print(f"airflow connections add iqm_default --conn-json {shlex.quote(json.dumps(connection))}")
    if warehouse:
        print(f"Add {warehouse} as Airflow's connection warehouse:")
        print(f"airflow connections add warehouse --conn-type sqlite --conn-host {shlex.quote(str(warehouse))}")
    print("Press Ctrl+C to stop.", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run a sandbox until SIGINT or SIGTERM.

    :param arguments: command-line arguments; None for ``sys.argv``.
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    warehouse = options.pop("warehouse")
    if warehouse:
        warehouse = warehouse.absolute()
        if not warehouse.parent.is_dir():
            parser.error(f"Directory {warehouse.parent} doesn't exist.")
        if not warehouse.exists():
            create_warehouse(warehouse)
    logging.basicConfig(level=options.pop("log_level").upper(), format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = SandboxSettings.model_validate(options)
    except ValueError as wrong:
        parser.error(str(wrong))
    # Block the signals before any thread starts, so that only sigwait receives them.
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
