"""IQM's v3 calls, as in its public API reference of 2026."""

from airflow_provider_iqm.api.v3.dialect import V3, login_call

__all__ = ["V3", "login_call"]
