"""
The page "IQM audiences" in a real Airflow: three audiences over five runs, one of which fails for one of them.

``IQM_SCREENSHOTS=docs/images make test-cluster ARGS=tests/integration/test_audiences_page.py`` renews the pictures.
"""

from __future__ import annotations

import json
import random
import re

import airflow
import pytest

from tests.integration.airflow_cluster import airflow_cluster
from tests.integration.audiences_page import cells, chromium, row, take_picture

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(airflow.__version__.startswith("2."), reason="Airflow 2 has no external views"),
]

RUNS = 5
PASSWORDS = {"viewer": "viewer of the tests"}
DAG = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

with DAG("nightly_sync", schedule=None, start_date=datetime(2026, 1, 1), max_active_runs=1,
         # Airflow can lose a try on a busy machine.
         default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}) as dag:
    for name, more in {
        "Customers": {"replaces": "previous", "campaign_ids": CAMPAIGNS},
        "Newsletter": {"min_records": 1000, "max_match_rate_drop": 20},
        "Lapsed donors": {"outlets": []},
    }.items():
        MatchedAudienceUploadOperator(
            task_id=name.lower().replace(" ", "_"),
            file_path=FOLDER + "/" + name + " {{ dag_run.conf['number'] }}.csv",
            audience_name=name + " {{ dag_run.conf['number'] }}",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            wait_for_ready=True,
            min_match_rate=5,
            poke_interval=0.5,
            lost_answer_timeout=5,
            **{"outlets": [matched_audience_asset(name)], **more},
        )
"""


@pytest.fixture
def api_version():
    return "v3"


@pytest.fixture
def cluster(sandbox, tmp_path):
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    settings = {
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "viewer:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        # No worker is killed here, and a busy machine is slow.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
    }
    source = DAG.replace("CAMPAIGNS", repr([sandbox.add_campaign(), sandbox.add_campaign()]))
    dags = {"nightly_sync": source.replace("FOLDER", repr(str(tmp_path)))}
    with airflow_cluster(
        tmp_path / "airflow", executor="LocalExecutor", dags=dags, pools={}, settings=settings
    ) as cluster:
        yield cluster


@pytest.fixture
def runs(cluster, tmp_path):
    """Five runs with growing lists; in the last one, the newsletter's list is nearly empty."""
    randomness = random.Random(7)
    for number in range(1, RUNS + 1):
        for name, size in (("Customers", 8000), ("Newsletter", 3000), ("Lapsed donors", 1200)):
            records = (
                3
                if (name, number) == ("Newsletter", RUNS)
                else size + number * size // 20 + randomness.randint(0, size // 10)
            )
            lines = [f"{name.split()[0].lower()}{record}@shire.example" for record in range(records)]
            (tmp_path / f"{name} {number}.csv").write_text("\n".join(["email", *lines]) + "\n")
    cluster.until(lambda: cluster.query("SELECT 1 FROM dag"), "Airflow knows the Dag", seconds=120)
    for number in range(1, RUNS + 1):
        cluster.airflow("dags", "trigger", "nightly_sync", "--conf", json.dumps({"number": number}))
    ended = "SELECT state FROM dag_run WHERE state IN ('success', 'failed') ORDER BY id"
    cluster.until(lambda: len(cluster.query(ended)) == RUNS, "the runs end", seconds=400)
    assert cluster.query(ended) == [("success",)] * (RUNS - 1) + [("failed",)]


@pytest.fixture
def page():
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US", timezone_id="UTC")
        page.set_default_timeout(60_000)
        yield page


def test_a_viewer_sees_three_audiences_their_runs_and_the_failed_one(cluster, runs, sandbox, page):
    page.goto(f"{cluster.url}/iqm/")
    page.get_by_role("heading", name="You aren't signed in").wait_for()
    page.goto(cluster.url)
    page.get_by_label("Username").fill("viewer")
    page.locator("input[type=password]").fill(PASSWORDS["viewer"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="IQM audiences").click()
    page.wait_for_url("**/plugin/iqm-audiences")
    frame = page.frame_locator("iframe")
    row(frame, "Newsletter").get_by_text("fewer than min_records=1,000").wait_for()
    row(frame, "Lapsed donors 5").wait_for()
    assert frame.locator(".row").count() == 3

    last = {audience.name: audience for audience in sandbox.audiences}["Customers 5"]
    customers = cells(row(frame, "Customers"))
    assert customers["Status"] == "Ready"
    assert customers["Records"] == f"{last.records:,}"
    assert customers["Campaigns"] == "2"
    assert re.fullmatch(r"\d+\.\d %", customers["Match rate"])
    assert int(customers["Reach"].replace(",", "")) > 0
    assert cells(row(frame, "Newsletter"))["Status"] == "Failed"
    assert row(frame, "Customers").locator(".sparkline").count() == 2

    page.set_viewport_size({"width": 1280, "height": 560})
    take_picture(page, page, "audiences-page")
    page.set_viewport_size({"width": 1280, "height": 820})
    row(frame, "Newsletter").get_by_role("button").click()
    runs_of_newsletter = frame.locator(".runs tbody tr")
    runs_of_newsletter.nth(RUNS - 1).wait_for()
    assert runs_of_newsletter.count() == RUNS
    runs_of_newsletter.first.get_by_text("The list has 3 records").wait_for()
    frame.locator(".chart .floor").first.wait_for()
    frame.locator(".plot svg").nth(1).hover(position={"x": 300, "y": 60})
    take_picture(page, page, "audiences-page-runs")
    page.evaluate("document.documentElement.className = 'dark'")
    take_picture(page, page, "audiences-page-dark")

    row(frame, "Lapsed donors 5").get_by_role("button").click()
    frame.locator(".detail").nth(1).locator(".runs tbody tr").nth(RUNS - 1).wait_for()

    row(frame, "Newsletter").get_by_role("link", name="Task log of Newsletter").click()
    page.wait_for_url(re.compile("/dags/nightly_sync/runs/.*/tasks/newsletter"))
    page.get_by_text("fewer than min_records").first.wait_for()
