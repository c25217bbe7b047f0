"""Airflow's Fernet keys, with which shared values are encrypted."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import conf

NO_KEY = "{FERNET_KEY}"
"""What Airflow's task SDK takes for its key where none was ever set."""


def fernet_keys() -> list[str]:
    """Return Airflow's Fernet keys, the one to encrypt with first; none if none was ever set."""
    setting = str(conf.get("core", "fernet_key", fallback=""))
    return [] if setting == NO_KEY else [key.strip() for key in setting.split(",") if key.strip()]
