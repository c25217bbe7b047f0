"""
What people see: a connection made in Airflow's form, and the way from a task's page to its audience.

``IQM_SCREENSHOTS=docs/images`` renews the documentation's pictures.
"""

from __future__ import annotations

import os
from pathlib import Path

import airflow
import pytest
from playwright.sync_api import sync_playwright

from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration.airflow_cluster import airflow_cluster
from tests.integration.services import binary, until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(airflow.__version__.startswith("2."), reason="the harness starts the components of Airflow 3"),
]

SANDBOX = SandboxSettings()

DAG = """
from datetime import datetime
from airflow.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("newsletter", schedule="@once", start_date=datetime(2026, 1, 1)):
    upload = MatchedAudienceUploadOperator(
        task_id="upload",
        file_path="LIST",
        audience_name="Newsletter {{ ds }}",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
    )
    AudienceReadySensor(task_id="wait_until_ready", audience_id=upload.output, poke_interval=1)
"""


@pytest.fixture
def cluster(sandbox, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    settings = {"CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True", "CORE__TEST_CONNECTION": "Enabled"}
    dags = {"newsletter": DAG.replace("LIST", str(path))}
    with airflow_cluster(
        tmp_path / "airflow", executor="LocalExecutor", dags=dags, pools={}, settings=settings
    ) as cluster:
        yield cluster


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary("chromium"))
        page = chromium.new_page(viewport={"width": 1280, "height": 1300}, locale="en-US")
        page.set_default_timeout(60_000)
        yield page
        chromium.close()


@pytest.fixture
def picture(page):
    """Keep a picture of the page for the documentation, if that is asked for."""

    def picture(name, part=page):
        folder = os.environ.get("IQM_SCREENSHOTS")
        if folder:
            page.wait_for_timeout(1000)
            part.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")

    return picture


def field(form, label):
    """Return the input that stands beside a label of the form."""
    return form.locator(f'xpath=.//label[starts-with(normalize-space(), "{label}")]/following::input[1]')


def test_a_connection_made_in_the_form(cluster, sandbox, page, picture):
    page.goto(f"{cluster.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    field(form, "Connection ID").fill("iqm_production")
    field(form, "Connection Type").fill("IQM")
    page.keyboard.press("Enter")
    field(form, "Email").fill(SANDBOX.email)
    for hidden in ("Schema", "Port", "Login"):
        assert form.get_by_text(hidden, exact=True).count() == 0
    field(form, "Password").fill(SANDBOX.password)
    picture("connection-form", form)
    field(form, "API host").fill(sandbox.url)
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    field(form, "Client ID").fill(SANDBOX.client_id)
    field(form, "Client secret").fill(SANDBOX.client_secret)
    assert field(form, "Client secret").get_attribute("type") == "password"
    field(form, "Workspace host").fill("app.iqm.com")
    picture("connection-fields", form)
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")

    page.reload()
    page.get_by_role("button", name="Edit Connection").click()
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    assert field(form, "Client ID").input_value() == SANDBOX.client_id
    assert field(form, "Client secret").input_value() == "***"
    assert SANDBOX.client_secret not in page.content()
    form.get_by_role("button", name="Rate limit").click()
    field(form, "Requests per minute").fill("12")
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")

    # What was masked is kept, and what was left empty is no obstacle. The button of the list can't be used: Airflow
    # 3.3.2 sends port 0 for none, and takes that for another port.
    cluster.airflow("connections", "test", "iqm_production")
    assert [request.status for request in sandbox.requests if request.path == "/api/v3/ua/login"][-1] == 200


def test_a_task_links_to_its_audience(cluster, sandbox, page, picture):
    until(lambda: cluster.dag_state("newsletter") in {"success", "failed"}, "the Dag has ended", seconds=120)
    assert cluster.dag_state("newsletter") == "success"
    (run_id,) = cluster.query("SELECT run_id FROM dag_run")[0]
    for task in ("wait_until_ready", "upload"):
        page.goto(f"{cluster.url}/dags/newsletter/runs/{run_id}/tasks/{task}/details")
        link = page.get_by_role("link", name="IQM audience")
        link.wait_for()
        assert link.get_attribute("href") == f"https://app.iqm.com/#/audience/{sandbox.audiences[0].id}"
    page.set_viewport_size({"width": 1280, "height": 500})
    picture("audience-link")
