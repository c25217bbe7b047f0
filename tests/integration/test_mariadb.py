"""A query on MariaDB, by a hook like that of Airflow's MySQL provider."""

from __future__ import annotations

import csv
import traceback

import pymysql
import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_iqm.databases.query import open_query
from airflow_provider_iqm.databases.query_result import ResultLimits
from airflow_provider_iqm.exceptions import QueryFailedError
from tests.integration import services
from tests.integration.memory import growth


class Hook(DbApiHook):
    """What the provider's hook does with PyMySQL."""

    conn_name_attr = "mysql_conn_id"
    conn_type = "mysql"

    def __init__(self, port, **changes):
        self.mysql_conn_id = "warehouse"
        self.arguments = {"host": "127.0.0.1", "port": port, "user": "root", "database": DATABASE, **changes}

    def get_conn(self):
        return pymysql.connect(**self.arguments)


DATABASE = "iqm_tests"


@pytest.fixture(scope="module")
def port():
    with services.mariadb() as found, pymysql.connect(host="127.0.0.1", port=found, user="root") as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE OR REPLACE DATABASE {DATABASE}")
        cursor.execute(f"USE {DATABASE}")
        cursor.execute(
            "CREATE FUNCTION complain(message text, number int) RETURNS int BEGIN "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = message, MYSQL_ERRNO = 1234; RETURN 1; END"
        )
        cursor.execute("CREATE TABLE padded (a char(10), b varchar(10))")
        cursor.execute("INSERT INTO padded VALUES ('abc', 'abc  ')")
        connection.commit()
        yield found
        cursor.execute(f"DROP DATABASE {DATABASE}")


@pytest.fixture
def ask(port, tmp_path):
    def ask_query(sql, parameters=None, **changes):
        path = tmp_path / "result.csv"
        with open_query(Hook(**{"port": port, **changes}), sql, parameters) as result:
            result.write(path, ResultLimits())
        with path.open(newline="") as file:
            return list(csv.reader(file))

    return ask_query


WRONG = {
    "SELECT *\nFROM nothing_here WHERE a = 'frodo'": "undefined table .SQLSTATE 42S02, error 1146",
    "SELECT frodo FROM padded": "undefined column .SQLSTATE 42S22, error 1054",
    "SELECT a\nFROM padded\n'frodo'": "syntax error at line 3 .SQLSTATE 42000, error 1064",
    "SELECT complain('frodo', 1)": "raised by code in the database .SQLSTATE 45000, pymysql",
    "SELECT 'a' AS a UNION ALL SELECT complain('frodo', 1)": "SQLSTATE 45000",
    "SELECT extractvalue(1, concat('$', 'frodo'))": "error 1105",
}


@pytest.mark.parametrize("sql", WRONG)
def test_errors_show_codes_and_no_text_of_the_databases(ask, sql):
    with pytest.raises(QueryFailedError, match=f'"warehouse": the query failed: .*{WRONG[sql]}') as raised:
        ask(sql)
    assert "frodo" not in "".join(traceback.format_exception(raised.value))


def test_parameters_that_do_not_fit_are_told(ask):
    for sql, parameters in (("SELECT %s", ["frodo", 2]), ("SELECT %(a)s", {"b": "frodo"})):
        with pytest.raises(QueryFailedError, match="the parameters don't fit the placeholders"):
            ask(sql, parameters)


DOWN = {
    "connection refused": {"port": 1},
    "unknown host name": {"host": "nowhere.invalid"},
    "login refused": {"user": "frodo", "password": "frodo"},
    "undefined database": {"database": "nowhere"},
    "unknown option": {"no_such_option": 1},
}


@pytest.mark.parametrize("message", DOWN)
def test_a_database_that_cannot_be_reached_fails_the_query(ask, message):
    with pytest.raises(QueryFailedError, match=f'"warehouse": connecting failed: .*{message}') as raised:
        ask("SELECT 1", **DOWN[message])
    assert "frodo" not in "".join(traceback.format_exception(raised.value))


def test_the_padding_of_char_is_no_data(ask):
    padding = "SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'"
    assert ask("SELECT * FROM padded", init_command=padding) == [["a", "b"], ["abc", "abc  "]]


def test_a_large_result_stays_on_the_server(port, tmp_path):
    def write():
        sql = "SELECT seq AS n, repeat('x', 1000) AS x FROM seq_1_to_100000"
        with open_query(Hook(port), sql) as result:
            assert result.write(tmp_path / "result.csv", ResultLimits()).records == 100_000

    assert growth(write) < 40_000_000
