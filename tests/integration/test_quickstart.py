"""
The quickstart's evening in Airflow's UI: ``airflow standalone``, the Dag, its graph, its log, its result.

``IQM_SCREENSHOTS=docs/images make test-cluster ARGS=tests/integration/test_quickstart.py`` renews the page's pictures.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import airflow
import pytest
from playwright.sync_api import sync_playwright

from tests.integration.services import binary, free_port, until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(airflow.__version__.startswith("2."), reason="the page shows the UI of Airflow 3"),
]

ROOT = Path(__file__).parents[2]
DAG_ID = "example_iqm_quickstart"
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "docs" / "quickstart.md").read_text(), re.MULTILINE | re.DOTALL)
PREPARATION = [block for block in BLOCKS if re.search(r"^(export AIRFLOW_HOME|airflow connections add iqm|cat)", block)]


@pytest.fixture
def standalone(sandbox, tmp_path, monkeypatch):
    """Follow the page up to ``airflow standalone``; return its address and its password."""
    assert len(PREPARATION) == 3
    sandbox.connect(rate_limit_window=0.2)
    monkeypatch.delenv("AIRFLOW_CONN_IQM_DEFAULT")
    clone = tmp_path / "clone"
    (clone / "example_dags").mkdir(parents=True)
    for name in (f"{DAG_ID}.py", "pools.json"):
        text = (ROOT / "example_dags" / name).read_text()
        (clone / "example_dags" / name).write_text(text.replace("/tmp/", f"{tmp_path}/"))
    script = "\n".join(PREPARATION).replace("/tmp/", f"{tmp_path}/").replace("http://127.0.0.1:8765", sandbox.url)
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
    }
    log = tmp_path / "standalone.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", f"{script}\nexec airflow standalone"],
            cwd=clone,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            until(lambda: "Airflow is ready" in log.read_text() or process.poll(), "Airflow is ready", seconds=240)
            password = re.search(r"Password for user 'admin': (\S+)", log.read_text())
            assert password, log.read_text()[-3000:]
            passwords = json.loads((tmp_path / "airflow/simple_auth_manager_passwords.json.generated").read_text())
            assert passwords == {"admin": password[1]}
            yield f"http://127.0.0.1:{port}", password[1]
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary("chromium"))
        page = chromium.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
        page.set_default_timeout(60_000)
        yield page
        chromium.close()


def test_the_quickstart_s_dag_in_the_ui(standalone, sandbox, page):
    def picture(name):
        folder = os.environ.get("IQM_SCREENSHOTS")
        if folder:
            page.wait_for_timeout(2000)
            page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")

    url, password = standalone
    until(lambda: _answers(page, url), "the UI answers", seconds=120)
    page.get_by_label("Username").fill("admin")
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Dags", exact=True).first.click()
    page.get_by_role("link", name=DAG_ID).first.click()
    page.wait_for_url(f"**/dags/{DAG_ID}")
    page.get_by_role("heading", name=DAG_ID).wait_for()
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    page.wait_for_url(re.compile("/runs/"))
    run = f"{url}/dags/{DAG_ID}/runs/{quote(page.url.partition('/runs/')[2].partition('/')[0], safe='%')}"
    until(
        lambda: [audience.status for audience in sandbox.audiences] == ["Ready"], "the audience is ready", seconds=180
    )

    page.evaluate("localStorage.setItem('log_wrap', 'true')")
    # The page of a task that hasn't run yet doesn't always show its log later.
    api = run.replace("/dags/", "/api/v2/dags/").replace("/runs/", "/dagRuns/")
    until(lambda: page.request.get(api).json()["state"] == "success", "the Dag run succeeds", seconds=240)
    page.goto(f"{run}/tasks/use_audience")
    page.get_by_text("A campaign can target it now").first.wait_for()
    page.set_viewport_size({"width": 1280, "height": 640})
    page.goto(f"{run}/tasks/upload")
    page.get_by_text("Cleaned newsletter.csv").wait_for()
    page.get_by_text("IQM created audience").wait_for()
    picture("quickstart-log")
    page.set_viewport_size({"width": 1280, "height": 680})
    page.goto(f"{run}/tasks/wait_until_ready/xcom")
    page.get_by_text("return_value").first.wait_for()
    page.get_by_title("Click to expand the range.").first.click(force=True)
    page.get_by_text("match_rate").first.wait_for()
    picture("quickstart-xcom")
    page.set_viewport_size({"width": 1280, "height": 600})
    page.evaluate("localStorage.setItem('default_dag_view', JSON.stringify('graph'))")
    page.goto(run)
    page.locator(".react-flow").get_by_text("use_audience").wait_for()
    picture("quickstart-graph")


def _answers(page, url):
    from playwright.sync_api import Error

    try:
        return page.goto(url)
    except Error:
        return None
