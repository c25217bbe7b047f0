"""What lies in the wheel and in the source distribution."""

from __future__ import annotations

import tarfile
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

from airflow_provider_iqm import __version__

ROOT = Path(__file__).parents[2]
PACKAGE = {str(path.relative_to(ROOT)) for path in (ROOT / "airflow_provider_iqm").rglob("*.py")}
PAGE = {str(path.relative_to(ROOT)) for path in (ROOT / "airflow_provider_iqm/plugins/static").iterdir()}
INFO = f"airflow_provider_iqm-{__version__}.dist-info"


@pytest.fixture(scope="module")
def read(wheel):
    with zipfile.ZipFile(wheel) as archive:
        yield lambda name: archive.read(f"{INFO}/{name}").decode()


def test_the_wheel_holds_the_package_its_licence_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    own = {f"{INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert names == PACKAGE | PAGE | own | {"airflow_provider_iqm/py.typed"}
    assert wheel.name == f"airflow_provider_iqm-{__version__}-py3-none-any.whl"


def test_airflow_finds_the_provider_by_the_wheel_s_entry_point(read):
    entry_points = ConfigParser()
    entry_points.read_string(read("entry_points.txt"))
    function = "airflow_provider_iqm.get_provider_info:get_provider_info"
    assert dict(entry_points["apache_airflow_provider"]) == {"provider_info": function}
    plugin = "airflow_provider_iqm.plugins.audiences_page:AudiencesPagePlugin"
    assert dict(entry_points["airflow.plugins"]) == {"iqm_audiences_page": plugin}


def test_the_wheel_describes_itself(read):
    metadata = Parser().parsestr(read("METADATA"))
    assert (metadata["Name"], metadata["Version"]) == ("airflow-provider-iqm", __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text()
    assert set(metadata.get_all("Provides-Extra")) == {"pandas", "postgres", "redis", "sandbox"}


def test_the_source_distribution_can_be_tested_and_documented(sdist):
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    needed = {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "PKG-INFO", "docs/index.md"}
    needed |= {"tests/conftest.py", "constraints/airflow-3.3.txt", "demo/run.py", "benchmarks/run.py"}
    needed |= {str(path.relative_to(ROOT)) for path in (ROOT / "example_dags").glob("*.py")}
    assert names >= PACKAGE | PAGE | needed | {"airflow_provider_iqm/py.typed"}
    made = (".venv", ".demo/", "docs/_build/", ".git/", ".mypy_cache/")
    assert [name for name in names if name.startswith(made) or "__pycache__" in name] == []
