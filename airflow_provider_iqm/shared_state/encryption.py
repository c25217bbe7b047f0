"""Airflow's Fernet keys, which encrypt shared values."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import conf

NO_KEY = "{FERNET_KEY}"
"""The value of the setting in Airflow's Task SDK if no key was ever set."""


def fernet_keys() -> list[str]:
    """Return Airflow's Fernet keys, with the one for encryption first; empty if none was ever set."""
    setting = str(conf.get("core", "fernet_key", fallback=""))
    return [] if setting == NO_KEY else [key.strip() for key in setting.split(",") if key.strip()]
