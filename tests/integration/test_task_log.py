"""The complete task logs of typical runs, as an on-call engineer reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import airflow_provider_iqm

PACKAGE = Path(airflow_provider_iqm.__file__).parent
OWN_FILES = {path.name for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts}

AIRFLOW_3 = re.compile(r"\S+Z \[(\w+) *\] (.*?) *\[[\w.]*airflow_provider_iqm\.(?!sandbox)[\w.]*\]")
AIRFLOW_2 = re.compile(r"\[\d{4}-\d\d-\d\dT\S+\] \{(\w+\.py):\d+\} (\w+) - (.*)")
NOT_PINNED = (
    # Airflow's own.
    "INFO Success criteria met. Exiting.",
    "INFO Retrieving connection ",
    # Once in each process, and another one for each scope: see rate_limit/test_limiter.py.
    "INFO Rate limit: ",
)
ERROR = re.compile(r"airflow_provider_iqm\.exceptions\.(\w+: .*)")

END_OF_GROUP = "INFO ::endgroup::"

REPLACED = (
    (r"\d+\.\d\d %, reach [\d,]+ users", "RATE %, reach REACH users"),
    (r"Next attempt in [\d.]+ s", "Next attempt in SECONDS s"),
    (r"^(INFO   seconds +)[\d.]+", r"\1SECONDS"),
    (r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "until MOMENT"),
    (r"no response from http://[\d.:]+", "no response from HOST"),
    (r" to /\S+/parts", " to FOLDER"),
)

HEAD = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

LIST = {"columns": {"email": "Email", "zip": "Zip"}, "hash_columns": {"email": "SHA256"}, "max_invalid_ratio": 0.5}

with DAG("logged", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
"""


@pytest.fixture
def log_of(run_dag, capfd, sandbox, tmp_path):
    """Run tasks, and return what the log says of them, line by line, with a mark in the place of what changes."""
    path = tmp_path / "people.csv"
    people = [f"p{number}@shire.example,{'501' if number < 6 else '00501'},RenÃ©" for number in range(50)]
    path.write_text("\n".join(["email,zip,name", *people, *["bad,00501,x"] * 3]) + "\n")

    def run(*tasks):
        body = "".join(f"    {task}\n" for task in tasks)
        run_dag(HEAD + body.replace("FILE", repr(str(path))).replace("PARTS", repr(str(tmp_path / "parts"))), "logged")
        shown = capfd.readouterr().out
        for secret in ("shire.example", "00501", sandbox.settings.password, sandbox.settings.client_secret):
            assert secret not in shown
        return [
            re.sub(r"\b(audience) \d{5}\b", r"\1 ID", with_marks(line), flags=re.IGNORECASE)
            for line in own_lines(shown)
        ]

    return run


def last_error(log):
    """Return the error as the log ends with it; ``dag.test()`` of Airflow 2 shows the exception once more."""
    end = len(log) - log[::-1].index(next(line for line in log[::-1] if line.startswith("ERROR")))
    assert all(line.startswith("FAILED") for line in log[end:])
    return log[end - 1]


def own_lines(shown):
    """Return the package's lines that don't depend on the process."""
    return [line for line in _own_lines(shown) if not line.startswith(NOT_PINNED)]


def _own_lines(shown):
    for line in shown.splitlines():
        if found := AIRFLOW_3.match(line):
            yield f"{found[1].upper()} {found[2]}"
        elif (found := AIRFLOW_2.match(line)) and found[1] in OWN_FILES:
            yield f"{found[2]} {found[3]}"
        elif found := ERROR.match(line):
            yield f"FAILED {found[1]}"


def with_marks(line):
    for pattern, mark in REPLACED:
        line = re.sub(pattern, mark, line)
    return line


CLEANED = """\
INFO ::group::Cleaned people.csv: 44 of 53 records kept
INFO   records read                                          53
INFO   records kept                                          44
INFO   dropped: malformed email                               3
INFO   dropped: malformed zip                                 6
INFO   duplicates                                             0
INFO   damage: text decoded in the wrong encoding            50
INFO   damage: zip without its leading zeros (zip)            6
INFO   seconds                                              SECONDS
INFO ::endgroup::
"""
DAMAGED = """\
WARNING people.csv has 6 values with 3 or 4 digits in column 'zip', where most have 5: zips have lost their leading \
zeros. Export the column as text.
WARNING people.csv has 50 places with text that was decoded in the wrong encoding (such as Ã© for é, or U+FFFD). Set \
the right encoding where the list is created.
"""


def test_upload_and_wait(log_of, sandbox):
    sandbox.change_settings(processing_seconds=8, pending_seconds=0)
    sandbox.add_fault(kind="status", path="/api/v2/audience/matched/add", status=429)
    log = log_of(
        'upload = MatchedAudienceUploadOperator(task_id="upload", file_path=FILE, audience_name="People", **LIST)',
        'AudienceReadySensor(task_id="wait", audience_id=upload.output, poke_interval=0.2, deferrable=True)',
    )
    expected = (
        CLEANED
        + DAMAGED
        + """\
INFO Uploading matched audience "People": people.csv, records: 44, bytes: 3,491 after cleaning and \
hashing (1,629 before), matched by email
WARNING Failed to upload matched audience "People": IQM returned HTTP 429: Too Many Requests. The account's rate \
limit is used up: run all of its tasks in one pool, and retry in a minute. Next attempt in SECONDS s.
INFO IQM created audience ID "People"
INFO Waiting for audience ID to become Ready
INFO Audience ID "People" is Processing
INFO Deferring; polling every 0.2 s, backing off to 600 s, until MOMENT
INFO Audience ID "People" is Ready: match rate RATE %, reach REACH users
"""
    )
    assert log == expected.splitlines()


def test_clean_and_split(log_of):
    log = log_of(
        'PrepareAudienceFileOperator(task_id="prepare", file_path=FILE, output_dir=PARTS, audience_name="P", **LIST)'
    )
    assert log == (CLEANED + DAMAGED + 'INFO Prepared audience "P": wrote 44 records to FOLDER\n').splitlines()


def test_too_many_invalid_records(log_of):
    log = log_of(
        'LIST["max_invalid_ratio"] = 0.01',
        'MatchedAudienceUploadOperator(task_id="upload", file_path=FILE, audience_name="People", **LIST)',
    )
    failed = (
        "people.csv: 9 of 53 records can't match, more than max_invalid_ratio (0.01) allows: "
        "3 malformed email (email), 6 malformed zip (zip). Check the query or export that wrote the file."
    )
    assert log[:2] == DAMAGED.splitlines()
    assert set(log[2:]) - {END_OF_GROUP} == {f"FAILED AudienceFileError: {failed}", f"ERROR {failed}"}


def test_rejected_audience(log_of, sandbox):
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)
    log = log_of(
        'LIST |= {"audience_name": "Bad [reject]", "wait_for_ready": True}',
        'MatchedAudienceUploadOperator(task_id="upload", file_path=FILE, **LIST)',
    )
    assert last_error(log) == (
        "ERROR Audience ID \"Bad [reject]\" is Rejected and won't become ready. IQM's reason: "
        "Set by the audience's name. Ask IQM's support or the workspace's approver, then upload it again."
    )
    assert 'INFO Audience ID "Bad [reject]" is Rejected' in log


def test_refused_login(log_of, sandbox):
    sandbox.change_settings(password="another one")
    log = log_of('AudienceReadySensor(task_id="wait", audience_id=17)')
    assert log[0] == "INFO Waiting for audience ID to become Ready".replace("ID", "17")
    assert last_error(log) == (
        "ERROR Failed to log in: IQM returned HTTP 403: User doesn't exist or user is not "
        "allowed to provided workspace. IQM doesn't say which of email, password and workspace host is wrong. "
        "Log in to IQM in a browser with the connection's email and password: if that fails, correct them; if it "
        'works, replace the workspace host "app.iqm.com" with the host name in the browser\'s address bar.'
    )


def test_server_errors_while_polling(log_of, sandbox):
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)
    sandbox.add_fault(kind="status", path="/api/v2/audience/matched/15332", status=503)
    log = log_of(
        'upload = MatchedAudienceUploadOperator(task_id="upload", file_path=FILE, audience_name="People", **LIST)',
        'AudienceReadySensor(task_id="wait", audience_id=upload.output, poke_interval=0.2)',
    )
    assert (
        log[-3:]
        == """\
INFO Waiting for audience ID to become Ready
WARNING Failed to read audience ID: IQM returned HTTP 503 with an HTML page. Retry later. \
Next attempt in SECONDS s.
INFO Audience ID "People" is Ready: match rate RATE %, reach REACH users
""".splitlines()
    )
