"""
What people see: a connection made in Airflow's form, and the way from a task's page to its audience.

``IQM_SCREENSHOTS=docs/images make test-cluster ARGS=tests/integration/test_browser.py`` renews the pictures.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

import airflow
import pytest
from playwright.sync_api import sync_playwright

from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration.airflow_cluster import airflow_cluster
from tests.integration.services import binary

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(airflow.__version__.startswith("2."), reason="the harness starts the components of Airflow 3"),
]

SANDBOX = SandboxSettings()

EXAMPLES = Path(__file__).parents[2] / "example_dags"
QUICKSTART = "example_iqm_quickstart"


@pytest.fixture
def cluster(sandbox, tmp_path):
    settings = {"CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True", "CORE__TEST_CONNECTION": "Enabled"}
    dags = {QUICKSTART: (EXAMPLES / f"{QUICKSTART}.py").read_text()}
    pools = json.loads((EXAMPLES / "pools.json").read_text())
    with airflow_cluster(
        tmp_path / "airflow", executor="LocalExecutor", dags=dags, pools=pools, settings=settings
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


@pytest.fixture
def quickstart_run(cluster, tmp_path):
    """A run of the quickstart's Dag, with a list that has seen a spreadsheet and a wrong encoding."""
    path = tmp_path / "newsletter.csv"
    people = [f"hobbit{number}@shire.example,Frodo" for number in range(5000)]
    people += ["hobbit7@shire.example,Frodo", "no email,Sam", ",Merry", "rene@shire.example,RenÃ©"]
    path.write_text("\n".join(["email,first_name", *people]) + "\n")
    cluster.until(
        lambda: cluster.query(f"SELECT 1 FROM dag WHERE dag_id = '{QUICKSTART}'"), "Airflow knows the Dag", seconds=120
    )
    cluster.airflow("dags", "trigger", QUICKSTART, "--conf", json.dumps({"file_path": str(path)}))
    cluster.until(lambda: cluster.dag_state(QUICKSTART) in {"success", "failed"}, "the Dag has ended", seconds=180)
    assert cluster.dag_state(QUICKSTART) == "success"
    (run_id,) = cluster.query("SELECT run_id FROM dag_run")[0]
    return f"{cluster.url}/dags/{QUICKSTART}/runs/{quote(run_id)}"


def test_a_run_its_log_and_the_way_to_its_audience(quickstart_run, sandbox, page, picture):
    for task in ("wait_until_ready", "upload"):
        page.goto(f"{quickstart_run}/tasks/{task}/details")
        link = page.get_by_role("link", name="IQM audience")
        link.wait_for()
        assert link.get_attribute("href") == f"https://app.iqm.com/#/audience/{sandbox.audiences[0].id}"
    page.set_viewport_size({"width": 1280, "height": 500})
    picture("audience-link")

    page.set_viewport_size({"width": 1280, "height": 640})
    page.evaluate("localStorage.setItem('log_wrap', 'true')")
    page.goto(f"{quickstart_run}/tasks/upload")
    title = page.get_by_text("Cleaned newsletter.csv: 5,002 of 5,004 records kept")
    title.wait_for()
    # The report is folded under its title.
    report = page.get_by_text("dropped: malformed email")
    assert not report.is_visible()
    title.click()
    report.wait_for()
    page.get_by_text("IQM created audience").wait_for()
    assert "shire.example" not in page.content()
    picture("upload-log")

    page.set_viewport_size({"width": 1280, "height": 480})
    page.evaluate("localStorage.setItem('default_dag_view', JSON.stringify('graph'))")
    page.goto(quickstart_run)
    page.locator(".react-flow").get_by_text("use_audience").wait_for()
