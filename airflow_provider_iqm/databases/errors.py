"""
Convert errors of database drivers to :class:`~airflow_provider_iqm.exceptions.QueryFailedError`.

A database's message may contain personal data: a literal of the query, a value that can't be converted, or the text of
a ``RAISE``. It is never shown. The error shows the driver's error class, SQLSTATE or error number and the position in
the query, with this package's own description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow_provider_iqm.databases.sqlstate import describe_sqlstate, describe_sqlstate_class, shown_sqlstate
from airflow_provider_iqm.exceptions import IQMError, QueryFailedError

_SQLSTATE = re.compile(r"(?=.*[0-9])[0-9A-Z]{5}")
_NUMBER = re.compile(r"-?[1-9][0-9]{0,3}|ORA-(?!20)[0-9]{4,5}|(DPY|DPI)-[0-9]{4,5}|SQLITE_[A-Z_]{2,40}")
"""Error numbers that may be shown. Longer ones, and Oracle's from 20000, may be set by code in the database."""

_TRINO_NAME = re.compile(r"[A-Z]+(_[A-Z]+){1,8}")
_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,100}")

_POSITION_PATTERNS = (
    re.compile(r"\bat line (?P<line>\d{1,6})\W*$"),  # MySQL
    re.compile(r"\bline (?P<line>\d{1,6})(?: at |, )pos(?:ition)? (?P<column>\d{1,6})"),  # Snowflake, Databricks
    re.compile(r"^LINE (?P<line>\d{1,6}):", re.MULTILINE),  # DuckDB
    re.compile(r"\bat \[(?P<line>\d{1,6}):(?P<column>\d{1,6})\]"),  # BigQuery
)
"""Positions in messages. They are shown only if the query has such a line."""

_HOST = "Check the connection's host and port, and that the database is running and can be reached from the worker."
_NO_MEMORY = ("a row is too large for the worker's memory", "Return smaller values, or give the task more memory.")
_WRONG_PARAMETERS = (
    "the parameters don't fit the placeholders",
    "Set `parameters` to one value per placeholder, in the driver's style, which may require %% instead of %.",
)
_ENCODING = (
    "the query or a parameter has characters that can't be sent",
    "Correct them, or change the connection's encoding.",
)
_TOO_LARGE = ("a number in the parameters is too large", "Pass it as a string.")
_BUILTIN_ERRORS: dict[type[Exception], tuple[str, str]] = {
    UnicodeEncodeError: _ENCODING,
    UnicodeDecodeError: (
        "a text isn't in the connection's encoding",
        "Correct it at its source, or change the connection's encoding.",
    ),
    OverflowError: _TOO_LARGE,
    # Raised by psycopg2, with hardly any message.
    KeyError: _WRONG_PARAMETERS,
    IndexError: _WRONG_PARAMETERS,
}
"""Python's built-in errors raised while a query runs → description, advice."""

_DUCKDB_ERRORS = {
    "ConversionException": ("a value can't be converted", "Correct the query, or use TRY_CAST."),
    "IOException": ("a file can't be read or written", "Check its path and its permissions."),
}
_MESSAGE_PATTERNS = (
    (r"out of memory|cannot allocate memory", *_NO_MEMORY),
    (r"could not decode to utf-8", "a text isn't valid UTF-8", "Correct it at its source, or CAST it to BLOB."),
    (r"\bNUL\b|null (character|byte)", "a text has a NUL character", "Remove it from the query, the parameters or the connection."),  # noqa: E501
    (r"(can't|cannot) adapt|unable to transform|is not supported\W*$|used as parameter", "a parameter's type can't be sent", "Pass a string, a number or a date."),  # noqa: E501
    (r"surrogate", *_ENCODING),
    (r"string or blob too big", "a value is too large", "Return smaller values."),
    (r"integer too large", *_TOO_LARGE),
    (r"translate host|not known|getaddrinfo|name resolution|unknown \w*\s?server host|nodename nor", "unknown host name", _HOST),  # noqa: E501
    (r"refused", "connection refused", _HOST),
    (r"server has gone away|server closed|lost connection|terminating connection|reset by peer|broken pipe|the connection (was lost|is closed)", "the connection was lost", "Check that the database is running."),  # noqa: E501
    (r"time[ds]?[ -]?out", "timeout", _HOST),
    (r"authentication failed|access denied|login failed|incorrect username|no password|role .* does not exist", "login refused", "Check the connection's login and password."),  # noqa: E501
    (r"unknown database|cannot open database|database .* does not exist", "undefined database", "Check the connection's schema (the database's name)."),  # noqa: E501
    (r"\bssl\b|\btls\b|certificate", "TLS failed", "Check the certificates and the TLS settings of the connection."),
    (r"unable to open database file|cannot open file|not a( valid \w+)? database", "the database's file can't be opened", "Check the path in the connection's host, and its permissions."),  # noqa: E501
    (r"database is locked", "the database is locked", "Retry when no other process writes to it."),
    (r"disk is full|no space left", "disk full", "Free space where the database keeps its files."),
    (r"no such table|table .* (doesn't|does not) exist|invalid object name", "undefined table", "Correct the query."),
    (r"no such column|unknown column|invalid column name|column .* not found", "undefined column", "Correct the query."),  # noqa: E501
    (r"bindings supplied|binding parameter|placeholder|format (string|character)|must be real number|not all arguments|incomplete format|parameter argument|parameters? (missing|was|were)|statement parameters", *_WRONG_PARAMETERS),  # noqa: E501
    (r"function .* does not exist|no function matches|no such function|arguments to function", "undefined function", "Correct the query."),  # noqa: E501
    (r"(only|multiple|more than) .*statement", "more than one statement", "Use a single query."),
    (r"connection option|unexpected keyword|invalid \w+ value", "an unknown option", "Check the connection's extra."),
    (r"syntax", "syntax error", "Correct the query."),
)  # fmt: skip
"""Patterns in messages of drivers without SQLSTATE → description, advice."""

_MAX_CHAINED = 5
_SEARCHED = 1000
"""Number of characters searched at each end of a message."""


@contextmanager
def database_errors(conn_id: str, action: str, *, sql: str | None = None, offset: int = 0) -> Iterator[None]:
    """
    Convert a driver's error to an error without the database's message.

    :param conn_id: Airflow connection id, for the message.
    :param action: What failed, such as ``the query``.
    :param sql: The query, to show positions in; empty if positions can't be shown; ``None`` if no query is run.
    :param offset: Start of the query in the statement that is sent to the database.
    :raises QueryFailedError: The driver raised an error.
    """
    try:
        yield
    except IQMError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers' errors have nothing in common, and hooks add theirs
        failure = QueryFailedError(f'Connection "{conn_id}": {action} failed: {error_text(error, sql, offset)}')
        try:
            raise failure from None
        finally:
            # Python sets it to the driver's error, which error reports may show.
            failure.__context__ = None


def error_text(error: BaseException, sql: str | None = None, offset: int = 0) -> str:
    """
    Describe a driver's error without the database's message.

    :param error: The error.
    :param sql: The query, to show positions in; empty if positions can't be shown; ``None`` if no query is run.
    :param offset: Start of the query in the statement that is sent to the database.
    """
    chain = list(_chain(error))
    telling = next((item for item in chain if _sqlstate(item) or _number(item)), chain[-1])
    sqlstate, number = _sqlstate(telling), _number(telling)
    descriptions = [_description(item, connecting=sql is None) for item in chain]
    candidates = [describe_sqlstate(sqlstate), *descriptions, describe_sqlstate_class(sqlstate)]
    meaning, advice = next((found for found in candidates if found[0]), ("", ""))
    code = shown_sqlstate(sqlstate)
    # With a custom SQLSTATE, the number is custom too, and may be data.
    number_shown = number and (code or not sqlstate) and sqlstate != "45000"
    named = ", ".join(filter(None, [code, f"error {number}" if number_shown else "", _class_name(telling)]))
    position = next(filter(None, (_position(item, sql or "", offset) for item in chain)), "")
    what = f"{meaning or 'an unrecognized error'}{position} ({named})"
    hidden = "The database's message is not shown because it may contain personal data"
    see = f"{hidden}." if sql is None else f"{hidden}; run the query in a SQL client to see it."
    return " ".join(filter(None, [f"{what}.", advice, see]))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that it wraps: SQLAlchemy's ``orig``, or the cause."""
    following: object = error
    for _ in range(_MAX_CHAINED):
        if not isinstance(following, BaseException) or isinstance(following, IQMError):
            # Raised by this package before, for example if closing fails after the query failed.
            return
        yield following
        following = getattr(following, "orig", None) or following.__cause__ or following.__context__


def _class_name(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return name if _CLASS_NAME.fullmatch(name) else "an error"


def _sqlstate(error: BaseException) -> str:
    first = _first_argument(error)
    found = [_attribute(error, name) for name in ("sqlstate", "pgcode")]
    # pyodbc: the first argument. redshift_connector: a field of Postgres' message.
    found += [first.get("C") if isinstance(first, Mapping) else first]
    return next((code for code in found if isinstance(code, str) and _SQLSTATE.fullmatch(code)), "")


def _number(error: BaseException) -> str:
    first = _first_argument(error)
    name = _attribute(error, "error_name")
    if isinstance(name, str) and _TRINO_NAME.fullmatch(name):
        return name
    found = [_attribute(first, "full_code"), _attribute(error, "sqlite_errorname")]
    found += [_attribute(error, name) for name in ("errno", "code", "error_code")]
    found += [first, _attribute(first, "code")]
    known = (str(int(item)) if isinstance(item, int) else item for item in found if not isinstance(item, bool))
    return next((item for item in known if isinstance(item, str) and _NUMBER.fullmatch(item)), "")


def _position(error: BaseException, sql: str, offset: int) -> str:
    """Return the position of an error in the query; empty if it is unknown."""
    first = _first_argument(error)
    postgres = first.get("P") if isinstance(first, Mapping) else None
    given = postgres or _attribute(_attribute(error, "diag"), "statement_position") or _attribute(first, "offset")
    if str(given).isdecimal() and 0 < int(given) - offset <= len(sql) + 1:
        before = sql[: int(given) - offset - 1]
        return f" at line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
    match _attribute(error, "error_location"):
        case (int(line), int(column)):
            return _format_position(line, column, sql)
    text = _text(error)
    found = next(filter(None, (pattern.search(text) for pattern in _POSITION_PATTERNS)), None)
    return _format_position(found["line"], found.groupdict().get("column"), sql) if found else ""


def _format_position(line: int | str, column: int | str | None, sql: str) -> str:
    lines = sql.split("\n")
    if not 0 < int(line) <= len(lines):
        return ""
    fits = column is not None and 0 <= int(column) <= len(lines[int(line) - 1]) + 1
    return f" at line {line}, column {column}" if fits else f" at line {line}"


def _description(error: BaseException, *, connecting: bool) -> tuple[str, str]:
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    types = {} if connecting else _BUILTIN_ERRORS
    known = next((words for kind, words in types.items() if isinstance(error, kind)), None)
    if known:
        return known
    text = _text(error)
    found = (words for pattern, *words in _MESSAGE_PATTERNS if re.search(pattern, text, re.IGNORECASE))
    meaning, advice = next(found, _DUCKDB_ERRORS.get(type(error).__name__, ("", "")))
    return meaning, advice


def _text(error: BaseException) -> str:
    """Return the start and the end of a message, which may quote a whole record. Used for searching only."""
    text = str(error)
    return text if len(text) <= 2 * _SEARCHED else f"{text[:_SEARCHED]}\n{text[-_SEARCHED:]}"


def _first_argument(error: BaseException) -> Any:
    first = error.args[0] if error.args else None
    # pymssql's is the number with the message.
    return first[0] if isinstance(first, tuple) and first else first


def _attribute(item: object, name: str) -> Any:
    try:
        return getattr(item, name, None)
    except (KeyError, TypeError, ValueError):
        # Properties of Trino's error fail if the server omitted their field.
        return None
