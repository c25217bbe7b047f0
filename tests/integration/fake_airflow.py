"""A fake of Airflow over real HTTP: as much of its public API as the page "IQM audiences" uses, and the page."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import quote, unquote

import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route

from airflow_provider_iqm.plugins.static_files import serve_static_files
from tests.integration.services import free_port, until

PAGE_LIMIT = 100
FRAME = """
<!doctype html><html class="{theme}"><title>Airflow</title><body style="margin: 0">
<iframe src="../iqm/" sandbox="allow-scripts allow-same-origin allow-forms"
  style="border: 0; width: 100%; height: 100vh"></iframe></body></html>
"""


@dataclass
class FakeAirflow:
    """
    What the fake holds.

    :param assets: Name → number of runs, one run a day, the last one now.
    :param describe: Returns the ``extra`` of an event by an asset's name and the number of the run.
    :param base: The path of the base URL.
    """

    assets: dict[str, int] = field(default_factory=dict)
    describe: Callable[[str, int], dict] = lambda name, run: audience(name, run)
    base: str = ""
    failed: list[dict] = field(default_factory=list)
    logs: dict[str, list[str]] = field(default_factory=dict)
    xcoms: dict[str, object] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    theme: str = "light"
    requests: list[str] = field(default_factory=list)
    url: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(tz=UTC).replace(microsecond=0))

    def event(self, asset_id: int, run: int) -> dict:
        name = list(self.assets)[asset_id - 1]
        return {
            "id": asset_id * 1000 + run,
            "asset_id": asset_id,
            "uri": uri(name),
            "extra": self.describe(name, run),
            "source_dag_id": "sync",
            "source_task_id": f"upload_{asset_id}",
            "source_run_id": f"scheduled__{run}",
            "source_map_index": -1,
            "timestamp": self.time(asset_id, run),
        }

    def time(self, asset_id: int, run: int) -> str:
        age = self.assets[list(self.assets)[asset_id - 1]] - 1 - run
        return (self.now - timedelta(days=age, seconds=60 * asset_id)).isoformat()

    def fail(self, task_id: str, *, error: str, operator: str = "SqlToMatchedAudienceOperator", **more) -> None:
        log = [
            '{"event": "Connecting", "level": "info"}',
            f'{{"event": "Task failed with exception", "error_detail": [{{"exc_type": "E", "exc_value": "{error}"}}]}}',
        ]
        self.logs[task_id] = log
        self.failed.append(
            {
                "dag_id": "sync",
                "dag_run_id": "scheduled__failed",
                "task_id": task_id,
                "map_index": -1,
                "state": "failed",
                "operator": operator,
                "try_number": 2,
                "rendered_map_index": None,
                "start_date": self.now.isoformat(),
                "end_date": (self.now + timedelta(seconds=1)).isoformat(),
            }
            | more
        )


def uri(name: str) -> str:
    return f"iqm://app.iqm.com/{quote(name, safe='')}"


def audience(name: str, run: int, **more) -> dict:
    """Return a plausible audience of a list that grows and jitters."""
    seed = zlib.crc32(name.encode())
    jitter = zlib.crc32(f"{name} {run}".encode()) % 100 / 100
    records = int((20_000 + seed % 60_000) * (1 + run / 80) * (0.97 + 0.06 * jitter))
    match_rate = round(48 + seed % 23 + 3 * jitter, 2)
    audience_id = seed * 1000 + run
    return {
        "audience_id": audience_id,
        "audience_name": f"{name} scheduled__{run}",
        "status": "Ready",
        "records": records,
        "match_rate": match_rate,
        "uniques": int(records * match_rate / 100 * 1.3),
        "data_cost": 1.5,
        "fingerprint": None,
        "url": f"https://app.iqm.com/#/audience/{audience_id}",
        "limits": {"min_records": 10000, "max_match_rate_drop": 10.0},
        "campaigns": {"included": [9001, 9002], "excluded": []},
        "replaced": [audience_id - 1],
    } | more


@cache
def newest_first(runs: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return asset and run of all events."""
    numbered = list(enumerate(runs, 1))
    ages = range(max(runs, default=0))
    return [(number, count - 1 - age) for age in ages for number, count in numbered if age < count]


@contextmanager
def serve(fake: FakeAirflow) -> Iterator[FakeAirflow]:
    """Serve the fake until the end of the block."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(_application(fake), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the fake listens", seconds=30)
    fake.url = f"http://127.0.0.1:{port}{fake.base}"
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def _application(fake: FakeAirflow) -> Starlette:
    def answered(function):
        def endpoint(request):
            fake.requests.append(f"{request.url.path.removeprefix(fake.base)}?{request.url.query}")
            for part, status in fake.refused.items():
                if part in request.url.path:
                    return JSONResponse({"detail": "refused"}, status_code=status)
            return function(request)

        return endpoint

    def page(request) -> slice:
        start, limit = int(request.query_params.get("offset", 0)), int(request.query_params["limit"])
        return slice(start, start + min(limit, PAGE_LIMIT))

    def assets(request):
        names = list(enumerate(fake.assets, 1))
        found = [
            {
                "id": asset_id,
                "uri": uri(name),
                "producing_tasks": [{"dag_id": "sync", "task_id": f"upload_{asset_id}"}],
                "last_asset_event": {
                    "id": asset_id * 1000 + fake.assets[name] - 1 if fake.assets[name] else None,
                    "timestamp": fake.time(asset_id, fake.assets[name] - 1) if fake.assets[name] else None,
                },
            }
            for asset_id, name in names[page(request)]
        ]
        return JSONResponse({"assets": found, "total_entries": len(names)})

    def events(request):
        asset_id = int(request.query_params.get("asset_id", 0))
        if asset_id:
            count = list(fake.assets.values())[asset_id - 1]
            keys = [(asset_id, run) for run in reversed(range(count))]
        else:
            keys = newest_first(tuple(fake.assets.values()))
        found = [fake.event(*key) for key in keys[page(request)]]
        return JSONResponse({"asset_events": found, "total_entries": len(keys)})

    def failed(request):
        return JSONResponse({"task_instances": fake.failed[page(request)], "total_entries": len(fake.failed)})

    def log(request):
        lines = fake.logs[unquote(request.path_params["task_id"])]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="application/x-ndjson")

    def xcoms(request):
        common = {"dag_id": "sync", "run_id": "scheduled__1", "map_index": -1, "timestamp": fake.now.isoformat()}
        found = [{**common, "task_id": task_id, "key": "audience_event"} for task_id in fake.xcoms]
        return JSONResponse({"xcom_entries": found, "total_entries": len(found)})

    def xcom(request):
        return JSONResponse({"value": fake.xcoms[request.path_params["task_id"]]})

    def frame(request):
        return HTMLResponse(FRAME.format(theme=fake.theme))

    def other(request):
        return HTMLResponse("<title>Airflow</title>")

    tasks = "/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
    inner = [
        Route("/api/v2/assets", answered(assets)),
        Route("/api/v2/assets/events", answered(events)),
        Route(tasks, answered(failed)),
        Route(f"{tasks}/~/xcomEntries", answered(xcoms)),
        Route(f"{tasks}/{{task_id}}/xcomEntries/{{key}}", answered(xcom)),
        Route(f"{tasks}/{{task_id}}/logs/{{number}}", answered(log)),
        Mount("/iqm", serve_static_files),
        Route("/plugin/iqm-audiences", frame),
        Route("/dags/{rest:path}", other),
        Route("/static/pin_32.png", other),
    ]
    return Starlette(routes=[Mount(fake.base, routes=inner)] if fake.base else inner)
