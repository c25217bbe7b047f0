"""Provider metadata for Airflow."""

from __future__ import annotations

from typing import Any

from airflow_provider_iqm import __version__
from airflow_provider_iqm.connection.form import conn_fields, provider_field_behaviour


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata, as described by Airflow's ``provider_info.schema.json``."""
    asset_uris = [
        {
            "schemes": ["iqm"],
            "handler": "airflow_provider_iqm.assets.matched_audience.sanitize_uri",
            "factory": "airflow_provider_iqm.assets.matched_audience.matched_audience_asset",
            "to_openlineage_converter": "airflow_provider_iqm.assets.matched_audience.convert_asset_to_openlineage",
        },
    ]
    return {
        "package-name": "airflow-provider-iqm",
        "name": "IQM",
        "description": "Upload matched audiences to `IQM <https://iqm.com/>`__ and wait until they are ready.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "IQM",
                "external-doc-url": "https://app.iqm.com/docs",
                "tags": ["service"],
            },
            {
                "integration-name": "SQL",
                "external-doc-url": "https://airflow.apache.org/docs/apache-airflow-providers-common-sql/stable/",
                "tags": ["software"],
            },
        ],
        "hooks": [
            {"integration-name": "IQM", "python-modules": ["airflow_provider_iqm.hooks.iqm"]},
        ],
        "operators": [
            {
                "integration-name": "IQM",
                "python-modules": [
                    "airflow_provider_iqm.operators.campaign",
                    "airflow_provider_iqm.operators.matched_audience",
                    "airflow_provider_iqm.operators.prepare_audience_file",
                ],
            },
        ],
        "sensors": [
            {"integration-name": "IQM", "python-modules": ["airflow_provider_iqm.sensors.matched_audience"]},
        ],
        "triggers": [
            {"integration-name": "IQM", "python-modules": ["airflow_provider_iqm.triggers.matched_audience"]},
        ],
        "task-decorators": [
            {"class-name": "airflow_provider_iqm.decorators.iqm_upload.iqm_upload_task", "name": "iqm_upload"},
        ],
        "cli": ["airflow_provider_iqm.cli.commands.get_iqm_cli_commands"],
        "transfers": [
            {
                "source-integration-name": "SQL",
                "target-integration-name": "IQM",
                "python-module": "airflow_provider_iqm.transfers.sql_to_matched_audience",
            },
        ],
        "asset-uris": asset_uris,
        # The name in Airflow 2.
        "dataset-uris": asset_uris,
        "connection-types": [
            {
                "hook-class-name": "airflow_provider_iqm.hooks.iqm.IQMHook",
                "connection-type": "iqm",
                "hook-name": "IQM",
                "ui-field-behaviour": provider_field_behaviour(),
                "conn-fields": conn_fields(),
            },
        ],
        "extra-links": [
            "airflow_provider_iqm.links.campaign.IQMCampaignLink",
            "airflow_provider_iqm.links.matched_audience.IQMAudienceLink",
        ],
    }
