from __future__ import annotations

import logging
import re
from importlib import import_module

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from airflow_provider_iqm.get_provider_info import get_provider_info
from airflow_provider_iqm.operators.audience_report import XCOM_KEY
from airflow_provider_iqm.operators.base import IQMBaseOperator
from airflow_provider_iqm.plugins import static_files
from airflow_provider_iqm.plugins.static_files import STATIC, serve_static_files


@pytest.fixture
def client():
    static_files._static_files.cache_clear()
    yield TestClient(Starlette(routes=[Mount("/iqm", serve_static_files)]))
    static_files._static_files.cache_clear()


@pytest.mark.parametrize("path", sorted(path.name for path in STATIC.iterdir()))
def test_each_file_is_served_and_checked_for_changes_on_each_visit(client, path):
    response = client.get(f"/iqm/{path}")
    assert response.status_code == 200
    assert response.content == (STATIC / path).read_bytes()
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    unchanged = client.get(f"/iqm/{path}", headers={"If-None-Match": response.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_the_folder_is_the_page(client):
    response = client.get("/iqm/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>IQM audiences</title>" in response.text


@pytest.mark.parametrize("path", ["missing.js", "..%2fstatic_files.py", "%2e%2e/static_files.py"])
def test_nothing_else_is_served(client, path):
    assert client.get(f"/iqm/{path}").status_code == 404


def test_only_reading_is_allowed(client):
    assert client.post("/iqm/").status_code == 405


def test_an_error_is_one_of_the_page_only(client, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(static_files, "STATIC", tmp_path / "deleted")
    with caplog.at_level(logging.ERROR):
        response = client.get("/iqm/")
    assert response.status_code == 500
    assert response.text == "The page IQM audiences can't be served; the log of the API server has the reason."
    assert "deleted" in caplog.text


def test_it_looks_for_the_failures_of_all_operators_with_an_audience():
    info = get_provider_info()
    modules = [*info["operators"][0]["python-modules"], *info["sensors"][0]["python-modules"]]
    modules += [transfer["python-module"] for transfer in info["transfers"]]
    modules.append("airflow_provider_iqm.decorators.decorated_upload")
    names = {
        name
        for module in modules
        for name, value in vars(import_module(module)).items()
        if isinstance(value, type) and value.__module__ == module and issubclass(value, IQMBaseOperator)
    }
    without_audience = {"PrepareAudienceFileOperator", "TargetAudienceOperator", "_CampaignOperator"}
    (listed,) = re.findall(r"OPERATORS = \[(.*?)\]", (STATIC / "failures.js").read_text(), re.DOTALL)
    assert set(re.findall(r'"(\w+)"', listed)) == names - without_audience


def test_it_reads_the_xcom_that_tasks_push():
    assert f'XCOM_KEY = "{XCOM_KEY}"' in (STATIC / "reports.js").read_text()


def test_no_file_loads_anything_from_elsewhere_or_makes_markup_of_text():
    for path in STATIC.iterdir():
        text = path.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "//cdn"):
            assert forbidden not in text, path.name
        assert len(text.splitlines()) < 300, path.name
        assert path.suffix == ".html" or max(map(len, text.splitlines())) <= 120, path.name
