"""Lists in object storage: a real S3 server, by the Amazon provider and its client."""

from __future__ import annotations

import gzip
import hashlib
import traceback
from unittest.mock import MagicMock

import pytest
from aiohttp import ClientPayloadError
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.part_folder import write_parts
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.operators.staging import stage_file
from tests.integration.lake import SECRET
from tests.integration.memory import growth

LIST = "email\n" + "".join(f"Person{number}@shire.example \n" for number in range(1000))


@pytest.fixture
def scratch(tmp_path):
    """The folder for copies; what is left there fails the test."""
    path = tmp_path / "scratch"
    path.mkdir()
    yield path
    assert not list(path.iterdir())


@pytest.fixture
def upload(sandbox, scratch):
    """Run the upload of a file; return what it pushes to XCom."""

    def run(file_path, **arguments):
        given = {"audience_name": "List", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
        given |= {"file_path": file_path, "scratch_dir": str(scratch), **arguments}
        ti = MagicMock(dag_id="dag", task_id="upload", run_id="run", map_index=-1, try_number=1)
        MatchedAudienceUploadOperator(task_id="upload", **given).execute({"ti": ti})
        return {call.kwargs["key"]: call.kwargs["value"] for call in ti.xcom_push.call_args_list}

    return run


def test_an_object_is_uploaded_byte_for_byte(lake, upload, sandbox):
    lake.put("people", **{"in/list.csv": LIST})
    pushed = upload("s3://lake@people/in/list.csv")
    (audience,) = sandbox.audiences
    assert audience.sha256 == hashlib.sha256(LIST.encode()).hexdigest()
    assert (pushed["file_name"], pushed["records"]) == ("list.csv", 1000)


def test_a_packed_object_is_cleaned_and_hashed(lake, upload, sandbox):
    lake.put("people", **{"in/list.csv.gz": gzip.compress(LIST.encode())})
    pushed = upload("s3://lake@people/in/list.csv.gz", column_settings=None, hash_columns={"email": "SHA256"})
    (audience,) = sandbox.audiences
    assert audience.column_settings == {"Email": "SHA256"}
    assert audience.records == pushed["report"]["records_kept"] == 1000


PREPARED = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("prepared", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    prepare = PrepareAudienceFileOperator(
        task_id="prepare", file_path="s3://lake@people/in/list.csv", output_dir="s3://lake@people/parts/{{ run_id }}",
        audience_name="People", columns={"email": "Email"}, hash_columns={"email": "SHA256"}, max_records=600,
    )
    uploads = MatchedAudienceUploadOperator.partial(task_id="upload").expand_kwargs(prepare.output)
    AudienceReadySensor(task_id="wait", audience_id=uploads.output, poke_interval=0.2, timeout=60)
"""


def test_parts_are_put_beside_the_list_and_uploaded_from_there(lake, run_dag, sandbox):
    lake.put("people", **{"in/list.csv": LIST})
    run = run_dag(PREPARED, "prepared")
    assert run.state == "success"
    first, second = sorted(sandbox.audiences, key=lambda audience: audience.name)
    assert (first.name, second.name) == ("People (1 of 2)", "People (2 of 2)")
    assert first.records + second.records == 1000
    assert [key.rsplit("/", 1)[-1] for key in lake.keys("people")] == [
        "list.csv",
        "list.csv.part-1-of-2.csv",
        "list.csv.part-2-of-2.csv",
    ]


@pytest.mark.parametrize(
    ("file_path", "message"),
    [
        ("s3://lake@people/in/other.csv", "File or bucket 's3://lake@people/in/other.csv' not found"),
        ("s3://lake@animals/in/list.csv", "File or bucket 's3://lake@animals"),
        ("s3://lake@people", "File or bucket 's3://lake@people' not found"),
        ("s3://lake@closed/list.csv", "Access to 's3://lake@closed/list.csv' was denied"),
        ("gs://lake@people/in/list.csv", "can't access gs://"),
    ],
)
def test_what_somebody_has_to_mend_fails_finally(lake, upload, sandbox, file_path, message):
    lake.put("people", **{"in/list.csv": LIST})
    lake.put("closed", **{"list.csv": LIST})
    lake.close("closed")
    with pytest.raises(AirflowFailException, match=message) as raised:
        upload(file_path)
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("bucket", "message"), [("nowhere", "File or bucket .* not found"), ("closed", "Access to .* was denied")]
)
def test_parts_make_no_bucket_and_open_none(lake, scratch, bucket, message):
    lake.put("people", **{"list.csv": LIST})
    lake.put("closed")
    lake.close("closed")
    prepare = PrepareAudienceFileOperator(
        task_id="prepare",
        file_path="s3://lake@people/list.csv",
        output_dir=f"s3://lake@{bucket}/parts",
        audience_name="People",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
        scratch_dir=str(scratch),
    )
    with pytest.raises(AirflowFailException, match=message):
        prepare.execute({"ti": MagicMock()})
    assert {found["Name"] for found in lake.client.list_buckets()["Buckets"]} == {"closed", "people"}


def test_a_connection_that_breaks_on_the_way_uploads_nothing_and_is_tried_again(lake, upload, sandbox, monkeypatch):
    lake.put("people", **{"list.csv": "email\n" + "frodo@shire.example\n" * 200_000})
    with lake.cut_after(1_000_000) as port:
        monkeypatch.setenv("AIRFLOW_CONN_BREAKING", lake.connection(port))
        with pytest.raises(ClientPayloadError) as raised:
            upload("s3://breaking@people/list.csv")
    assert not isinstance(raised.value, AirflowFailException)
    assert not sandbox.requests


def test_a_list_and_its_parts_stream(lake, scratch, tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(b"email\n" + b"frodo@shire.example\n" * 10_000_000)
    lake.put("people", **{"small.csv": LIST})
    lake.client.upload_file(str(path), "people", "list.csv")

    def stage(name):
        with stage_file(f"s3://lake@people/{name}", scratch_dir=scratch) as copy:
            return copy.stat().st_size

    stage("small.csv")
    assert growth(lambda: stage("list.csv")) < 64_000_000
    # s3fs sends pieces of 50 MB.
    assert growth(lambda: write_parts([path], "s3://lake@people/parts", list_name="list.csv")) < 128_000_000
    assert stage("parts/list.csv.part-1-of-1.csv") == path.stat().st_size
