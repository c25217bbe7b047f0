"""What a failed query may show, by drivers that are not here."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.exceptions import QueryFailedError
from airflow_provider_iqm.hooks.query import FetchedResult


class ProgrammingError(Exception):
    sqlstate: str | None = None


def snowflake(sqlstate: str, message: str) -> ProgrammingError:
    error = ProgrammingError(message)
    error.sqlstate = sqlstate
    return error


def redshift(sqlstate: str, message: str) -> ProgrammingError:
    return ProgrammingError({"S": "ERROR", "C": sqlstate, "M": message})


class Connection:
    def __init__(self, error):
        self._error = error

    def cursor(self):
        raise self._error


@pytest.mark.parametrize("driver", [snowflake, redshift])
def test_a_message_is_shown_unless_it_is_about_values(driver):
    with pytest.raises(QueryFailedError, match="customer does not exist"):
        FetchedResult(Connection(driver("42S02", "customer does not exist")), "SELECT 1", None, on_server=False)
    with pytest.raises(QueryFailedError, match=r"\(22018\)") as raised:
        FetchedResult(Connection(driver("22018", "Numeric value 'frodo'")), "SELECT 1", None, on_server=False)
    assert "frodo" not in str(raised.value)
