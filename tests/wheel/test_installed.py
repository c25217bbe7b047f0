"""The wheel alone, in a clean environment: what Airflow and a user find there."""

from __future__ import annotations

import json
import re

import pytest

from tests.wheel.conftest import AIRFLOW

VALIDATE = """
import json
from importlib.resources import files
import jsonschema
from airflow_provider_iqm.get_provider_info import get_provider_info
schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
jsonschema.validators.validator_for(schema).check_schema(schema)
jsonschema.validate(get_provider_info(), schema)
print(sorted(schema["properties"].keys() & get_provider_info().keys()))
"""


@pytest.fixture(scope="module")
def airflow(python):
    def run(*arguments):
        return json.loads(python("-m", "airflow", *arguments, "--output", "json").stdout.splitlines()[-1])

    return run


def test_all_that_it_needs_is_there_and_fits(python):
    assert python("-m", "pip", "check").stdout.strip() == "No broken requirements found."


def test_its_metadata_are_valid_by_the_schema_of_this_airflow(python):
    judged = python("-c", VALIDATE).stdout
    assert "'connection-types'" in judged
    assert "'extra-links'" in judged


def test_airflow_finds_the_provider(airflow):
    (provider,) = (row for row in airflow("providers", "list") if row["package_name"] == "airflow-provider-iqm")
    assert provider["version"] == "0.1.0"
    assert "IQM" in provider["description"]


def test_airflow_finds_the_connection_type_and_its_hook(airflow):
    (hook,) = (row for row in airflow("providers", "hooks") if row["connection_type"] == "iqm")
    assert hook["class"] == "airflow_provider_iqm.hooks.iqm.IQMHook"
    assert hook["conn_id_attribute_name"] == "iqm_conn_id"
    assert hook["hook_name"] == "IQM"


def test_airflow_finds_the_extra_link(airflow):
    links = {row["extra_link_class_name"] for row in airflow("providers", "links")}
    assert "airflow_provider_iqm.links.matched_audience.IQMAudienceLink" in links


def test_airflow_finds_the_page_and_its_files(python):
    assert "iqm_audiences_page" in python("-m", "airflow", "plugins").stdout
    read = "from airflow_provider_iqm.plugins.static_files import STATIC; print((STATIC / 'index.html').read_text())"
    assert "<title>IQM audiences</title>" in python("-c", read).stdout


@pytest.mark.skipif((3,) <= AIRFLOW < (3, 2), reason="no command tells them: WTForms is not there (see the unit tests)")
def test_airflow_finds_the_fields_of_the_connection_form(airflow):
    fields = {row["connection_parameter_name"] for row in airflow("providers", "widgets")}
    assert {"extra__iqm__client_id", "extra__iqm__client_secret", "extra__iqm__workspace_host"} <= fields


@pytest.mark.skipif(AIRFLOW < (3, 2), reason="providers have commands from Airflow 3.2 on")
def test_airflow_s_command_line_has_the_provider_s(python):
    assert "audiences" in python("-m", "airflow", "iqm", "--help").stdout


def test_the_package_s_own_command_line_works(python):
    assert "audiences" in python("-m", "airflow_provider_iqm", "--help").stdout


def test_a_list_can_be_checked(python, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    arguments = ("--columns", "email=Email", "--column-settings", "Email=Raw", "--normalize", str(path))
    assert re.search(r"Records: +1\n", python("-m", "airflow_provider_iqm.audience", *arguments).stdout)


@pytest.mark.skipif(AIRFLOW >= (3,), reason="Airflow 3 brings what the sandbox needs")
def test_the_sandbox_says_which_extra_it_needs(python):
    done = python("-m", "airflow_provider_iqm.sandbox", "--help", check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"The sandbox needs \w+: pip install 'airflow-provider-iqm\[sandbox\]'\n", done.stderr)


@pytest.mark.skipif(AIRFLOW < (3,), reason="without Airflow 3 the sandbox needs its extra")
def test_the_sandbox_works_beside_airflow_3(python):
    assert "--requests-per-minute" in python("-m", "airflow_provider_iqm.sandbox", "--help").stdout
