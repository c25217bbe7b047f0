"""IQM's classic calls, as in its "Quickstart Guide: Matched Audience Upload"."""

from airflow_provider_iqm.api.classic.calls import login_call
from airflow_provider_iqm.api.classic.dialect import Classic

__all__ = ["Classic", "login_call"]
