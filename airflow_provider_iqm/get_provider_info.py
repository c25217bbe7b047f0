"""What Airflow asks an installed provider about itself."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, in the form of Airflow's ``provider_info.schema.json``."""
    return {"package-name": "airflow-provider-iqm", "name": "IQM", "description": "x", "versions": ["0.1.0"]}
