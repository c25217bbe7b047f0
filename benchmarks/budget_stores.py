"""
Measures the stores of the request ledger: what an operation costs, and how long requests wait for their turn.

The Redis and the Postgres are those that the integration tests start. Processes share an account of 20 requests in a
short window, so that the waits are short, too: what counts is how much of the budget is used.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import budget_agency

from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.process import host_clock
from airflow_provider_iqm.shared_state.shared_rate_limiter import SharedRateLimiter
from airflow_provider_iqm.shared_state.store import SharedStore

LIMIT = RateLimit(20, 60)

MakeStore = Callable[..., SharedStore]

SHORT = RateLimit(20, 5)
PROCESSES, REQUESTS = 20, 4
SECONDS_OF_A_REQUEST = 0.05

MEASURED = 5
"""How many of the accounts are measured; the others are only there."""


def main() -> None:
    print("| store | accounts | waiting | ask and end | another poll |")
    print("| --- | --- | --- | --- | --- |")
    with stores() as made:
        for name, make in made.items():
            for accounts, waiting in ((1, 10), (500, 10), (1, 1000)):
                request, poll = cost(make(), accounts, waiting)
                print(f"| {name} | {accounts} | {waiting} | {request:.2f} ms | {poll:.2f} ms |", flush=True)
        total = PROCESSES * REQUESTS
        print(f"\n{PROCESSES} processes with {REQUESTS} requests each, limit {SHORT.requests} in {SHORT.window:g} s")
        print("| store | requests | took | used of the budget | longest wait | most in a window |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, make in made.items():
            seconds, used, wait, most = work(make)
            print(f"| {name} | {total} | {seconds:.1f} s | {used:.0%} | {wait:.1f} s | {most} |", flush=True)
        budget_agency.main(made)


def cost(store: SharedStore, accounts: int, waiting: int) -> tuple[float, float]:
    """Return the median milliseconds of the two operations of a request, and of a poll by one that waits."""
    names = [f"{time.monotonic_ns()}-{number}" for number in range(accounts)]
    for name in names[MEASURED:]:
        store.ask(name, "sent", LIMIT)
    for name in names[:MEASURED]:
        for number in range(LIMIT.requests + waiting):
            store.ask(name, str(number), LIMIT, hold=3600)
    requests, polls = [], []
    for number in range(LIMIT.requests):
        for name in names[:MEASURED]:
            requests.append(_seconds(lambda: store.ask(name, str(number), LIMIT)))  # noqa: B023
            requests[-1] += _seconds(lambda: store.end(name, str(number), LIMIT))  # noqa: B023
            polls.append(_seconds(lambda: store.ask(name, str(LIMIT.requests + 5), LIMIT, hold=3600)))  # noqa: B023
    return statistics.median(requests) * 1000, statistics.median(polls) * 1000


def _seconds(operation: Callable[[], object]) -> float:
    start = time.perf_counter()
    operation()
    return time.perf_counter() - start


def work(make: MakeStore) -> tuple[float, float, float, int]:
    """Let processes send; return the seconds, the use of the budget, the longest wait and the most in a window."""
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[list[tuple[float, float]]] = context.Queue()
    account = f"work-{time.monotonic_ns()}"
    workers = [context.Process(target=_worker, args=(make, account, results)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    sent = sorted(request for _ in workers for request in results.get(timeout=600))
    for worker in workers:
        worker.join()
    moments = [moment for moment, _ in sent]
    # The first twenty may go at once, then twenty in each window.
    windows = (len(moments) - 1) // SHORT.requests
    seconds = moments[-1] - moments[0]
    used = windows * SHORT.window / (moments[windows * SHORT.requests] - moments[0])
    most = max(sum(first <= moment < first + SHORT.window for moment in moments) for first in moments)
    return seconds, used, max(wait for _, wait in sent), most


def _worker(make: MakeStore, account: str, results: multiprocessing.Queue[list[tuple[float, float]]]) -> None:
    limiter = SharedRateLimiter(make(), account, SHORT, log=logging.getLogger(__name__))
    sent = []
    for _ in range(REQUESTS):
        asked_at = time.monotonic()
        turn = limiter.new_turn()
        while wait := turn.ask():
            time.sleep(min(wait, SHORT.poll_interval))
        with turn:
            sent.append((time.monotonic(), time.monotonic() - asked_at))
            time.sleep(SECONDS_OF_A_REQUEST)
    results.put(sent)


@contextmanager
def stores() -> Iterator[dict[str, MakeStore]]:
    """Start the servers whose programs are installed; return how to make each store."""
    sys.path.append(str(Path(__file__).parent.parent))
    import pytest

    from airflow_provider_iqm.shared_state.postgres_store import PostgresStore
    from airflow_provider_iqm.shared_state.redis_store import RedisStore
    from tests.integration import services

    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        made: dict[str, MakeStore] = {"host": lambda clock=host_clock: HostStore(Path(folder), clock=clock)}
        try:
            redis = {"conn_type": "redis", "host": "127.0.0.1", "port": running.enter_context(services.redis())}
            os.environ["AIRFLOW_CONN_BENCH_REDIS"] = json.dumps(redis)
            made["Redis"] = lambda clock=None: RedisStore("bench_redis", clock=clock)
            port = running.enter_context(services.postgres())
            postgres = {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "postgres"}
            os.environ["AIRFLOW_CONN_BENCH_POSTGRES"] = json.dumps(postgres | {"schema": "postgres"})
            made["Postgres"] = lambda clock=None: PostgresStore("bench_postgres", clock=clock)
        except pytest.skip.Exception as reason:
            print(reason)
        yield made


if __name__ == "__main__":
    main()
