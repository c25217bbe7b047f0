"""The connection form in Airflow, from the provider's metadata and from the hook, and in the documentation."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_iqm.connection.form import FIELDS
from airflow_provider_iqm.get_provider_info import get_provider_info
from airflow_provider_iqm.hooks.iqm import IQMHook

AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
EXTRA = [field for field in FIELDS.values() if not field.standard]
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "connection.md"


def airflows_schema(name):
    return json.loads((resources.files("airflow") / name).read_text())


def test_metadata_match_airflows_schema():
    jsonschema.validate(get_provider_info(), airflows_schema("provider_info.schema.json"))


def test_connection_type_matches_the_schema_of_provider_yaml():
    """The stricter schema: that of a provider's metadata doesn't cover the form."""
    schema = airflows_schema("provider.yaml.schema.json")["properties"]["connection-types"]
    jsonschema.validate(get_provider_info()["connection-types"], schema)


@pytest.mark.skipif(not (3, 0) <= AIRFLOW < (3, 2), reason="other releases take the form in another way")
def test_airflow_3_1_reads_the_form_from_the_hook():
    """It has no WTForms: it puts its own in their place, which need not know all that WTForms know."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = (hook for hook in HookMetaService.hook_meta_data() if hook.connection_type == "iqm")
    assert form.hook_name == "IQM"
    assert (form.standard_fields.login.title, form.standard_fields.port.hidden) == ("Email", True)
    assert list(form.extra_fields) == [field.name for field in EXTRA]
    schemas = {name: field["schema"] for name, field in form.extra_fields.items()}
    assert [name for name, schema in schemas.items() if schema.get("format") == "password"] == ["client_secret"]
    assert schemas["api_version"]["enum"] == ["classic", "v3"]


@pytest.mark.skipif(AIRFLOW < (3, 2), reason="earlier releases take the form from the hook")
def test_airflow_3_reads_the_form_from_the_metadata():
    manager = ProvidersManager()
    metadata = next(item for item in manager.iter_connection_type_hook_ui_metadata() if item.connection_type == "iqm")
    assert metadata.field_behaviour["relabeling"]["login"] == "Email"
    widgets = manager._connection_form_widgets_from_metadata
    fields = {widget.field_name: widget for key, widget in widgets.items() if key.startswith("extra__iqm__")}
    assert list(fields) == [field.name for field in EXTRA]
    assert [name for name, widget in fields.items() if widget.is_sensitive] == ["client_secret"]


@pytest.mark.skipif(AIRFLOW >= (3, 0), reason="WTForms comes with Airflow 2 only")
def test_airflow_2_reads_the_form_from_the_hook():
    from wtforms import PasswordField

    manager = ProvidersManager()
    assert "iqm" in manager.hooks
    assert manager.hooks["iqm"].hook_name == "IQM"
    behaviour = manager.field_behaviours["iqm"]
    assert behaviour["relabeling"] == {"host": "API host", "login": "Email", "password": "Password"}
    assert behaviour["placeholders"]["extra__iqm__workspace_host"] == "app.iqm.com"
    widgets = manager.connection_form_widgets
    fields = {key: widget for key, widget in widgets.items() if key.startswith("extra__iqm__")}
    assert list(fields) == [f"extra__iqm__{field.name}" for field in EXTRA]
    masked = [widget.field_name for widget in fields.values() if widget.field.field_class is PasswordField]
    assert masked == ["client_secret"]


def test_hidden_fields_can_be_part_of_the_host():
    assert IQMHook.get_ui_field_behaviour()["hidden_fields"] == ["port", "schema"]


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_documentation_matches_the_form(field):
    rows = [re.split(r"\s*\|\s*", line)[1:-1] for line in DOCUMENTATION.read_text().splitlines()]
    default = "required" if field.required else f"`{field.placeholder}`" if field.placeholder else ""
    assert [field.label, f"`{field.name}`", field.help, default] in rows
