from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import airflow
import pytest
from airflow import plugins_manager

from airflow_provider_iqm.plugins.audiences_page import AudiencesPagePlugin

ROOT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
(ENTRY_POINT,) = PYPROJECT["project"]["entry-points"]["airflow.plugins"].items()

IMPORT = """
import sys
import airflow.providers.common.compat.sdk
from airflow.providers.common.compat.sdk import AirflowPlugin
before = set(sys.modules)
import airflow_provider_iqm.plugins.audiences_page
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_the_entry_point_is_a_plugin_that_airflow_accepts(monkeypatch):
    # Airflow 2 remembers there which plugins it has accepted.
    monkeypatch.setattr(plugins_manager, "plugins", [], raising=False)
    plugin = EntryPoint(*ENTRY_POINT, group="airflow.plugins").load()
    assert plugin is AudiencesPagePlugin
    assert plugins_manager.is_valid_plugin(plugin)


def test_nothing_but_the_package_is_imported():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['airflow_provider_iqm']"


def test_the_page_is_in_the_menu_at_a_relative_address():
    (view,) = AudiencesPagePlugin.external_views
    (application,) = AudiencesPagePlugin.fastapi_apps
    assert view["href"] == f"{application['url_prefix'].strip('/')}/"
    assert (view["destination"], view["category"], view["url_route"]) == ("nav", "browse", "iqm-audiences")


START = """
import sys
SABOTAGE
from airflow.api_fastapi.app import create_app
from starlette.testclient import TestClient
client = TestClient(create_app(apps="core"))
page = client.get("/iqm/")
print(f"{page.status_code} {'<title>IQM audiences' in page.text} {client.get('/api/v2/version').status_code}")
"""
SABOTAGE = {
    "nothing": ("", "200 True 200"),
    # Airflow answers any unknown path with its own page.
    "its module can't be imported": (
        "sys.modules['airflow_provider_iqm.plugins.static_files'] = None",
        "200 False 200",
    ),
    "its files are gone": (
        "import airflow_provider_iqm.plugins.static_files as files; files.STATIC = files.STATIC / 'deleted'",
        "500 False 200",
    ),
}


@pytest.mark.skipif(airflow.__version__.startswith("2."), reason="Airflow 2 has no FastAPI plugins")
@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_the_api_server_starts_whatever_is_wrong_with_the_page(sabotage, tmp_path):
    # Also for an environment that was created before the entry point.
    information = tmp_path / "page-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: page\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[airflow.plugins]\n{} = {}\n".format(*ENTRY_POINT))
    lines, expected = SABOTAGE[sabotage]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", START.replace("SABOTAGE", lines)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == expected
