from __future__ import annotations

import json
from importlib.resources import files

import jsonschema

from airflow_provider_iqm.get_provider_info import get_provider_info


def test_the_metadata_is_as_airflow_s_schema_has_it():
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)
