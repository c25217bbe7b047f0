"""Descriptions of SQLSTATEs: the SQL standard's classes, and common codes of Postgres."""

from __future__ import annotations

_CODES = {
    "22001": "value too long",
    "22003": "number out of range",
    "22007": "invalid date or time",
    "22008": "date or time out of range",
    "21000": "cardinality violation, such as more than one row from a subquery",
    "22012": "division by zero",
    "22018": "invalid character value for cast",
    "22021": "character not in the encoding",
    "22P02": "invalid text representation of a value",
    "22023": "invalid parameter value",
    "25006": "read-only transaction",
    "28P01": "wrong password",
    "3D000": "undefined database",
    "3F000": "undefined schema",
    "40001": "serialization failure",
    "40P01": "deadlock",
    "42501": "permission denied",
    "42601": "syntax error",
    "42702": "ambiguous column",
    "42703": "undefined column",
    "42704": "undefined object",
    "42712": "duplicate alias",
    "42725": "ambiguous function",
    "42803": "grouping error",
    "42804": "data type mismatch",
    "42809": "wrong object type",
    "42846": "values of one type can't be cast to the other",
    "42883": "undefined function",
    "42P01": "undefined table",
    "42P02": "undefined parameter",
    "42P18": "indeterminate data type",
    "42S02": "undefined table",
    "42S22": "undefined column",
    "45000": "error raised by code in the database",
    "53100": "disk full",
    "53200": "out of memory",
    "53300": "too many connections",
    "55P03": "a lock isn't available",
    "57014": "query canceled, such as by a statement timeout",
    "57P01": "the database was shut down, or ended the connection",
    "57P03": "the database can't accept connections now",
    "57P05": "idle session timeout",
    "58P01": "undefined file",
    "70100": "the query was killed",
    "HYT00": "timeout",
    "HYT01": "connection timeout",
    "IM002": "undefined ODBC data source or driver",
    "P0001": "error raised by code in the database",
}

_GENERIC_CODES = frozenset(
    {"02000", "08000", "08001", "08003", "08004", "08006", "08S01", "0A000", "22000", "23000", "23505", "28000"}
    | {"42000", "42611", "53000", "53400", "54000", "54001", "HY000", "XX000"}
)
"""Other well-known codes, which their class describes well enough."""

_CLASSES = {
    "02": "no data",
    "07": "dynamic SQL error",
    "08": "the connection failed or was lost",
    "0A": "feature not supported",
    "21": "cardinality violation",
    "22": "a value can't be used",
    "23": "integrity constraint violation",
    "24": "invalid cursor state",
    "25": "invalid transaction state",
    "26": "invalid SQL statement name",
    "28": "login refused",
    "2D": "invalid transaction termination",
    "2F": "error in an SQL routine",
    "34": "invalid cursor name",
    "38": "error in an external routine",
    "39": "error in the call of an external routine",
    "3D": "undefined database",
    "3F": "undefined schema",
    "40": "transaction rolled back",
    "42": "syntax error or access violation",
    "44": "check option violation",
    "45": "error raised by code in the database",
    "53": "insufficient resources",
    "54": "program limit exceeded",
    "55": "object not in the required state",
    "57": "operator intervention",
    "58": "system error of the database",
    "F0": "configuration file error",
    "HV": "error in a foreign data wrapper",
    "P0": "error in a PL/pgSQL function",
    "XX": "internal error of the database",
}

_ADVICE = {
    "08": "Check that the database is running and can be reached from the worker.",
    "28": "Check the connection's login and password.",
    "3D": "Check the connection's schema (the database's name).",
    "42": "Correct the query.",
    "42501": "Grant the connection's user the right to read what the query reads.",
    "53": "Retry when the database has more room, memory or free connections.",
    "57014": "Raise the database's statement timeout, or make the query faster.",
}


def shown_sqlstate(sqlstate: str) -> str:
    """
    Return the part of a SQLSTATE that may be shown: all of a well-known one, otherwise its class if that is known.

    Code in a database can raise any five characters, so they may be data, such as a ZIP code.

    :param sqlstate: Five characters, or empty.
    """
    if sqlstate in _CODES or sqlstate in _GENERIC_CODES:
        return f"SQLSTATE {sqlstate}"
    return f"SQLSTATE class {sqlstate[:2]}" if sqlstate[:2] in _CLASSES else ""


def describe_sqlstate(sqlstate: str) -> tuple[str, str]:
    """
    Return the description of a SQLSTATE, and advice; each is empty if unknown.

    :param sqlstate: Five characters.
    """
    return _CODES.get(sqlstate, ""), _ADVICE.get(sqlstate) or _ADVICE.get(sqlstate[:2], "")


def describe_sqlstate_class(sqlstate: str) -> tuple[str, str]:
    """
    Return the description of a SQLSTATE's class, and advice; each is empty if unknown.

    :param sqlstate: Five characters.
    """
    return _CLASSES.get(sqlstate[:2], ""), _ADVICE.get(sqlstate[:2], "")
