"""What is shown of any driver's error: its class, its codes and its position, and never the database's text."""

from __future__ import annotations

import re
import sqlite3
import traceback
from types import SimpleNamespace

import psycopg
import psycopg2
import pytest
from sqlalchemy.exc import ProgrammingError as SqlAlchemyError

from airflow_provider_iqm.databases.errors import database_errors, error_text
from airflow_provider_iqm.exceptions import ColumnMappingError, QueryFailedError

SECRET = "frodo@shire.example"
SQL = "SELECT email\nFROM people\nWHERE zip = 1"


class ProgrammingError(Exception):
    """A driver's error with whatever attributes it has."""

    def __init__(self, *args, **attributes):
        super().__init__(*args)
        for name, value in attributes.items():
            setattr(self, name, value)


class TrinoUserError(Exception):
    error_name = "TABLE_NOT_FOUND"
    error_code = 46

    @property
    def error_location(self):
        return (2, 6)


class TrinoQueryError(Exception):
    error_name = "GENERIC_USER_ERROR"

    @property
    def error_location(self):
        raise KeyError("errorLocation")


def sqlalchemy_error():
    return SqlAlchemyError(f"SELECT '{SECRET}'", {"email": SECRET}, ProgrammingError(SECRET, sqlstate="42P01"))


def oracle_error():
    return ProgrammingError(SimpleNamespace(code=942, full_code="ORA-00942", message=SECRET, offset=18))


def caused_by_another():
    error = RuntimeError(SECRET)
    error.__cause__ = ProgrammingError(SECRET, sqlstate="42703")
    return error


OWN = f"{ProgrammingError.__module__}.ProgrammingError)."

ERRORS = {
    "psycopg": (
        psycopg.errors.UndefinedTable(SECRET),
        "undefined table (SQLSTATE 42P01, psycopg.errors.UndefinedTable)",
    ),
    "psycopg, position": (
        ProgrammingError(SECRET, sqlstate="42P01", diag=SimpleNamespace(statement_position="19")),
        "undefined table at line 2, column 6 (SQLSTATE 42P01",
    ),
    "psycopg, beyond the query": (
        ProgrammingError(SECRET, sqlstate="42601", diag=SimpleNamespace(statement_position="6175550100")),
        "syntax error (SQLSTATE 42601",
    ),
    "psycopg2": (ProgrammingError(SECRET, pgcode="53400"), "insufficient resources (SQLSTATE 53400"),
    "psycopg2, own code": (ProgrammingError(SECRET, pgcode="U0001"), "an unrecognized error (" + OWN),
    "psycopg2, a name as the code": (ProgrammingError(SECRET, pgcode="FRODO"), "an unrecognized error (" + OWN),
    "redshift": (
        ProgrammingError({"S": "ERROR", "C": "42703", "M": SECRET, "P": "8"}),
        "undefined column at line 1, column 8 (SQLSTATE 42703",
    ),
    "pyodbc": (ProgrammingError("42S02", f"[42S02] Invalid object name '{SECRET}'"), "undefined table (SQLSTATE 42S02"),
    "MySQL": (
        ProgrammingError(1064, f"You have an error in your SQL syntax near '{SECRET}' at line 3"),
        "syntax error at line 3 (error 1064",
    ),
    "MySQL, a phone as the line": (ProgrammingError(1644, f"{SECRET} at line 555012"), "error 1644"),
    "a phone as the number": (ProgrammingError(6175550100, SECRET), "an unrecognized error (" + OWN),
    "pymssql": (ProgrammingError((208, f"Invalid object name '{SECRET}'".encode())), "undefined table (error 208"),
    "Snowflake": (
        ProgrammingError(f"{SECRET}: syntax error line 1 at position 7", errno=1003, sqlstate="42000"),
        "syntax error at line 1, column 7 (SQLSTATE 42000, error 1003",
    ),
    "BigQuery": (ProgrammingError(f"404 {SECRET} at [2:6]", code=404), "error 404"),
    "Databricks": (ProgrammingError(f"{SECRET} (line 3, pos 6)"), "an unrecognized error at line 3, column 6 (" + OWN),
    "psycopg2, a name with a digit as the code": (
        ProgrammingError(SECRET, pgcode="FROD0"),
        "an unrecognized error (" + OWN,
    ),
    "psycopg2, a phone in a known class": (
        ProgrammingError(SECRET, pgcode="22555"),
        "a value can't be used (SQLSTATE class 22, " + OWN,
    ),
    "MySQL, a phone as the number": (
        ProgrammingError(5550, SECRET, sqlstate="45000"),
        "raised by code in the database (SQLSTATE 45000, " + OWN,
    ),
    "MySQL, a name as the code": (ProgrammingError(5550, SECRET, sqlstate="FROD0"), "an unrecognized error (" + OWN),
    "SQL Server, a number of the query's": (ProgrammingError((55555, SECRET)), "an unrecognized error (" + OWN),
    "Oracle, a number of the query's": (
        ProgrammingError(SimpleNamespace(full_code="ORA-20555")),
        "an unrecognized error (" + OWN,
    ),
    "Oracle": (oracle_error(), "at line 2, column 5"),
    "Oracle, code": (oracle_error(), "ORA-00942"),
    "Trino": (TrinoUserError(SECRET), "at line 2, column 6"),
    "Trino, name": (TrinoUserError(SECRET), "TABLE_NOT_FOUND"),
    "Trino, no place": (TrinoQueryError(SECRET), "GENERIC_USER_ERROR"),
    "DuckDB": (ProgrammingError(f"Parser Error: syntax error at '{SECRET}'\n\nLINE 2: FROM {SECRET}"), "at line 2"),
    "SQLAlchemy": (sqlalchemy_error(), "undefined table (SQLSTATE 42P01"),
    "a cause": (caused_by_another(), "undefined column (SQLSTATE 42703"),
    "SQLite": (sqlite3.OperationalError(f"no such table: {SECRET}"), "undefined table (sqlite3.OperationalError)"),
    "SQLite, UTF-8": (
        sqlite3.OperationalError(f"Could not decode to UTF-8 column 'email' with text '{SECRET}'"),
        "a text isn't valid UTF-8",
    ),
    "a value in Python's error": (ValueError(f"invalid literal for int(): {SECRET}"), "ValueError"),
    "a character that can't be sent": (
        UnicodeEncodeError("utf-8", f"{SECRET}\ud800", 0, 1, SECRET),
        "the query or a parameter has characters that can't be sent (UnicodeEncodeError)",
    ),
    "a character that can't be sent, DuckDB": (ProgrammingError(f"{SECRET}: surrogate '\\ud800'"), "can't be sent ("),
    "bytes in Python's error": (
        UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
        "a text isn't in the connection's encoding (UnicodeDecodeError)",
    ),
    "NUL, psycopg2": (ValueError("A string literal cannot contain NUL (0x00) characters."), "a NUL character (Value"),
    "NUL, SQLite": (ProgrammingError("the query contains a null character"), "a NUL character ("),
    "a type of parameters, psycopg2": (ProgrammingError("can't adapt type 'dict'"), "parameter's type can't be sent"),
    "a type of parameters, SQLite": (ProgrammingError("type 'frodo' is not supported"), "type can't be sent"),
    "a missing parameter, psycopg2": (IndexError("list index out of range"), "don't fit the placeholders (IndexError)"),
    "a percent sign, PyMySQL": (ValueError("unsupported format character 'f' (0x66)"), "don't fit the placeholders"),
    "a large number, SQLite": (OverflowError("Python int too large"), "a number in the parameters is too large"),
    "a large value, SQLite": (ProgrammingError("string or blob too big"), "a value is too large"),
    "a file, DuckDB": (type("IOException", (Exception,), {})(f"{SECRET}.csv"), "a file can't be read or written ("),
    "no memory": (MemoryError(), "too large for the worker's memory"),
    "nothing at all": (psycopg2.OperationalError(), "psycopg2.OperationalError"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_the_class_the_codes_and_the_position_are_shown_and_no_text_of_the_databases(case):
    error, shown = ERRORS[case]
    text = error_text(error, SQL)
    assert shown in text
    assert not re.search("frodo|shire|555", text, re.IGNORECASE)


@pytest.mark.parametrize("case", ERRORS)
def test_neither_the_chain_nor_the_notes_hold_the_drivers_error(case):
    error, _ = ERRORS[case]
    if hasattr(error, "add_note"):
        error.add_note(SECRET)
    with pytest.raises(QueryFailedError, match='"warehouse"') as raised, database_errors("warehouse", "the query"):
        raise error
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    shown = "".join(traceback.format_exception(raised.value)).replace(f'"{SECRET}"', "")
    assert SECRET not in shown


CONNECTING = {
    'connection to server at "10.0.0.7", port 5432 failed: Connection refused': "connection refused",
    'could not translate host name "db" to address: Name or service not known': "unknown host name",
    'FATAL:  password authentication failed for user "etl"': "login refused",
    'FATAL:  database "people" does not exist': "undefined database",
    "(1045, \"Access denied for user 'etl'@'10.0.0.7' (using password: YES)\")": "login refused",
    "(1049, \"Unknown database 'people'\")": "undefined database",
    "(2005, \"Unknown MySQL server host 'db' (-2)\")": "unknown host name",
    "connection timeout expired": "timeout",
    "SSL error: certificate verify failed": "TLS failed",
    "unable to open database file": "file can't be opened",
    'invalid sslmode value: "foo"': "unknown option",
    'invalid dsn: invalid connection option "foo"': "unknown option",
}


@pytest.mark.parametrize("message", CONNECTING)
def test_why_a_database_cannot_be_reached_is_told_in_own_words(message):
    with pytest.raises(QueryFailedError, match=CONNECTING[message]) as raised, database_errors("db1", "connecting"):
        raise psycopg.OperationalError(message)
    assert str(raised.value).startswith('Connection "db1": connecting failed: ')
    assert "10.0.0.7" not in str(raised.value)


def test_a_key_that_is_missing_while_connecting_is_no_parameter():
    assert "an unrecognized error (KeyError)" in error_text(KeyError("project"))


def test_errors_of_this_package_pass():
    with pytest.raises(ColumnMappingError), database_errors("warehouse", "the query"):
        raise ColumnMappingError("x")


def test_a_record_in_a_message_costs_no_time():
    assert "22001" in error_text(psycopg.errors.StringDataRightTruncation("role " * 2_000_000), SQL)
