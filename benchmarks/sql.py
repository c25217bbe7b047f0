"""
From Postgres to an audience in the sandbox: our operator, ``COPY`` and ``curl``, and pandas and ``curl``.

All of them use the same Postgres and the same sandbox, which reads every record. The others upload without checking the
list, and without searching for an upload of an earlier try.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import MagicMock

from side_by_side import OURS, AtLeast, AtMost, Work, run_way

TITLE = "a query of 1,000,000 x 8 to an audience"
COPY, PANDAS = "COPY and curl -F", "pandas and curl -F"
GOALS = [AtMost(COPY, 1.6), AtLeast(PANDAS, 4)]
MEMORY = 64

MAPPING = {"email": "Email", "phone": "Phone", "zip": "Residence_Addresses_Zip", "id": "Voters_ID"}
SETTINGS = {"Email": "Raw", "Phone": "Raw"}
QUERY = "SELECT id, email, phone, first_name, last_name, street, state, zip FROM customers"
PEOPLE = """
CREATE TABLE customers AS
SELECT n AS id, 'Person.' || n || '@example' || n % 97 || '.com' AS email,
       '(212) 555-' || lpad((n % 10000)::text, 4, '0') AS phone,
       (ARRAY['Zoë', 'Ada', 'José'])[n % 3 + 1] AS first_name,
       (ARRAY['O''Brien', 'Peña', 'Smith'])[n % 3 + 1] AS last_name,
       n % 9999 || ' Oak St' || CASE WHEN n % 20 = 0 THEN ', Apt 7' ELSE '' END AS street,
       'NY' AS state, lpad((n % 99999)::text, 5, '0') AS zip
FROM generate_series(1, {rows}) AS n
"""


def prepare(folder: Path, scale: float) -> list[str]:
    # Uses the tests' Postgres.
    sys.path.append(str(Path(__file__).parents[1]))
    from airflow_provider_iqm.sandbox.server import Sandbox
    from airflow_provider_iqm.sandbox.settings import SandboxSettings
    from tests.integration.services import postgres
    from tests.integration.warehouse import Postgres

    servers = ExitStack()
    atexit.register(servers.close)
    warehouse = Postgres(servers.enter_context(postgres()))
    rows = int(1_000_000 * scale)
    warehouse.run(PEOPLE.format(rows=rows), "VACUUM ANALYZE customers")
    settings = SandboxSettings(port=0, requests_per_minute=10_000)
    sandbox = servers.enter_context(Sandbox(settings))
    secrets = {"client_id": settings.client_id, "client_secret": settings.client_secret, "requests_per_minute": 10_000}
    iqm = {"conn_type": "iqm", "host": sandbox.url, "login": settings.email, "password": settings.password}
    return [warehouse.connection(), json.dumps(iqm | {"extra": secrets}), str(folder), str(rows)]


def by_us(warehouse: str, iqm: str, folder: str, _rows: str) -> Work:
    os.environ |= {"AIRFLOW_CONN_WAREHOUSE": warehouse, "AIRFLOW_CONN_IQM_DEFAULT": iqm}
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

    operator = SqlToMatchedAudienceOperator(
        task_id="sync",
        conn_id="warehouse",
        sql=QUERY,
        audience_name="List",
        columns=MAPPING,
        column_settings=SETTINGS,
        scratch_dir=folder,
    )
    PostgresHook("warehouse").get_conn().close()
    operator.hook.get_column_list()
    ti = MagicMock(dag_id="dag", task_id="sync", run_id="run", map_index=-1, try_number=1)

    def upload() -> int:
        operator.execute({"ti": ti})
        pushed = {call.kwargs["key"]: call.kwargs["value"] for call in ti.xcom_push.call_args_list}
        return pushed["records"]

    return upload


def by_copy(warehouse: str, iqm: str, folder: str, rows: str) -> Work:
    place, send = json.loads(warehouse), _curl(iqm, rows)
    psql = ["psql", "-h", place["host"], "-p", str(place["port"]), "-U", place["login"], "-q"]

    def upload() -> int:
        with TemporaryDirectory(dir=folder) as own:
            path = Path(own, "list.csv")
            with path.open("wb") as file:
                copy = f"COPY ({QUERY}) TO STDOUT WITH (FORMAT csv, HEADER)"
                subprocess.run([*psql, "-c", copy], check=True, stdout=file)
            return send(path)

    return upload


def by_pandas(warehouse: str, iqm: str, folder: str, rows: str) -> Work:
    import pandas as pd
    from sqlalchemy import create_engine

    place, send = json.loads(warehouse), _curl(iqm, rows)
    engine = create_engine(f"postgresql+psycopg2://{place['login']}@{place['host']}:{place['port']}/{place['schema']}")
    engine.connect().close()

    def upload() -> int:
        with TemporaryDirectory(dir=folder) as own:
            path = Path(own, "list.csv")
            pd.read_sql(QUERY, engine).to_csv(path, index=False)
            return send(path)

    return upload


def _curl(iqm: str, rows: str):
    """Log in, and return a function that uploads a file with ``curl -F``."""
    import requests

    place = json.loads(iqm)
    client = (place["extra"]["client_id"], place["extra"]["client_secret"])
    answer = requests.post(
        f"{place['host']}/api/v3/ua/login",
        json={"grantType": "password", "email": place["login"], "password": place["password"]},
        auth=client,
        headers={"X-IAA-HOST": "app.iqm.com"},
        timeout=30,
    ).json()["data"]
    columns = QUERY.removeprefix("SELECT ").partition(" FROM")[0].split(", ")
    metadata = {
        "columns": columns,
        "fileName": "list.csv",
        "fileSize": 1,
        "columnValues": dict.fromkeys(columns, ["x"] * 3),
        "rows": int(rows),
    }
    fields = {
        "audienceName": "List",
        "columns": json.dumps(MAPPING),
        "columnSettings": json.dumps(SETTINGS),
        "fileTotalCount": rows,
        "isSingleColumnEnabled": "true",
    }
    headers = {"Authorization": f"Bearer {answer['access_token']}", "X-IAA-OW-ID": str(answer["owId"])}

    def send(path: Path) -> int:
        metadata["fileSize"] = path.stat().st_size
        command = ["curl", "-sS", f"{place['host']}/api/v2/audience/matched/add", "-F", f"file=@{path};type=text/csv"]
        for name, value in (fields | {"metadata": json.dumps(metadata)}).items():
            command += ["--form-string", f"{name}={value}"]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert json.loads(done.stdout)["responseObject"].get("id"), done.stdout
        return int(rows)

    return send


WAYS = {OURS: by_us, COPY: by_copy, PANDAS: by_pandas}

if __name__ == "__main__":
    run_way(WAYS)
