"""Helpers of the audience tests: small files, a refusal that is checked for leaks, DuckDB in the same process."""

from __future__ import annotations

import traceback
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from airflow_provider_iqm.audience.csv import duckdb_source
from airflow_provider_iqm.audience.duckdb.csv_queries import connect
from airflow_provider_iqm.exceptions import AudienceFileError
from tests.unit.audience.inspection import inspect_file

SECRET = "Frodo-0x7"
"""Every bad file holds this value; no message may."""


@pytest.fixture
def refuse():
    """Inspect a file that must be refused; give the error, in which no value of the file may stand."""

    def inspect(path: Path, **options) -> AudienceFileError:
        with pytest.raises(AudienceFileError) as caught:
            inspect_file(path, **options)
        assert_keeps_secret(caught.value)
        return caught.value

    return inspect


def assert_keeps_secret(error: BaseException) -> None:
    """Neither the error nor anything in its chain tells a value, or carries one along."""
    assert error.__cause__ is None
    assert error.__context__ is None
    assert SECRET not in "".join(traceback.format_exception(error))
    assert SECRET not in repr(error.args)


@pytest.fixture
def duckdb_here(monkeypatch):
    """Have DuckDB read in this process, which is quicker for files of a few bytes."""

    def first_row(query, *, memory_limit):
        with closing(connect(memory_limit=memory_limit)) as connection:
            try:
                return connection.execute(query).fetchone()
            except duckdb.Error:
                return None

    monkeypatch.setattr(duckdb_source, "first_row", first_row)
