from __future__ import annotations

import hashlib
import socket
import stat
import time

import pytest

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings

ADD = "/api/v2/audience/matched/add"
PEOPLE = b"email,zip\r\nann@example.com,01234\r\nbob@example.com,98765\r\n"
BOUNDARY = "----x"
TYPE = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name: str, value: bytes, rest: str = "") -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{rest}\r\n\r\n'.encode() + value + b"\r\n"


def file_part(content: bytes = PEOPLE, name: str = "people.csv") -> bytes:
    return part("file", content, f'; filename="{name}"\r\nContent-Type: text/csv')


def texts(account) -> bytes:
    return b"".join(part(name, value.encode()) for name, value in account.form().items())


END = f"--{BOUNDARY}--\r\n".encode()


def error(answer) -> str:
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["responseObject"]["errorMsg"]
    return message


@pytest.mark.parametrize("file_first", [True, False])
def test_parts_can_have_any_order_and_pieces(account, sandbox, file_first: bool) -> None:
    body = (file_part() + texts(account) if file_first else texts(account) + file_part()) + END
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = account.call("POST", ADD, data=pieces, headers=TYPE)
    assert answer.status_code == 200, answer.text
    audience = sandbox.audiences[0]
    assert (audience.size, audience.sha256) == (len(PEOPLE), hashlib.sha256(PEOPLE).hexdigest())
    record = sandbox.requests[-1]
    assert (record.chunked, record.content_length, record.body_bytes) == (True, None, len(body))


def test_a_body_with_a_length_is_recorded_as_such(account, sandbox) -> None:
    body = texts(account) + file_part() + END
    assert account.call("POST", ADD, data=body, headers=TYPE).status_code == 200
    record = sandbox.requests[-1]
    assert (record.chunked, record.content_length, record.body_bytes) == (False, len(body), len(body))


def test_a_cell_can_contain_a_boundary(account, sandbox) -> None:
    content = PEOPLE + f"\r\n--{BOUNDARY[:-1]},\r\n-\r\n".encode()
    form = account.form(content)
    body = b"".join(part(name, value.encode()) for name, value in form.items()) + file_part(content) + END
    answer = account.call("POST", ADD, data=body, headers=TYPE)
    assert answer.status_code == 200, answer.text
    assert sandbox.audiences[0].sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (file_part(), "ends before its last boundary"),
        (file_part() + END[:-5], "ends before its last boundary"),
        (part("columns", b"{}") + END, "file is required"),
        (part("columns", b"{}") * 2 + END, "columns is a duplicate field"),
        (file_part() * 2 + END, "file is a duplicate field"),
        (part("", b"x") + END, "has no name"),
        (part("columns", b"\xff") + END, "columns is not UTF-8"),
        (part("columns", b"x" * (9 << 20)) + END, "columns is larger than"),
        (b"what is this", "malformed"),
    ],
)
def test_broken_forms(account, sandbox, body: bytes, message: str) -> None:
    assert message in error(account.call("POST", ADD, data=body, headers=TYPE))
    assert sandbox.audiences == []


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data", None])
def test_the_body_must_be_a_form(account, media_type: str | None) -> None:
    answer = account.call("POST", ADD, data=b"x", headers={"Content-Type": media_type})
    assert "must be multipart/form-data" in error(answer)


def test_rejected_uploads_are_read_completely_before_the_response(account, sandbox) -> None:
    body = file_part(name="people.pdf", content=b"x" * (5 << 20)) + END
    assert "must end in" in error(account.call("POST", ADD, data=body, headers=TYPE))
    assert sandbox.requests[-1].body_bytes == len(body)


def test_an_aborted_upload_creates_no_audience(account, sandbox) -> None:
    body = texts(account) + file_part() + END
    head = "".join(f"{name}: {value}\r\n" for name, value in (account.headers | TYPE).items())
    with socket.create_connection((sandbox.settings.host, sandbox.port)) as connection:
        request = f"POST {ADD} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        connection.sendall(request.encode() + body[:-10])
    wait_for(lambda: sandbox.requests[-1].path == ADD and sandbox.requests[-1].seconds is not None)
    assert (sandbox.requests[-1].status, sandbox.audiences) == (None, [])


def wait_for(condition) -> None:
    while not condition():
        time.sleep(0.01)


def test_only_accepted_uploads_are_kept(tmp_path, new_account) -> None:
    folder = tmp_path / "kept"
    with Sandbox(SandboxSettings(port=0, keep_files=folder)) as sandbox:
        account = new_account(sandbox)
        audience_id = account.new_id()
        assert account.upload(fileTotalCount=7).status_code == 400
        assert account.upload(b"email\n\xff\n" * 9, media_type="text/plain").status_code == 400
        kept = list(folder.iterdir())
    assert [file.name for file in kept] == [f"{audience_id}_{sandbox.audiences[0].s3_file_name}"]
    assert kept[0].read_bytes() == PEOPLE
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600


def test_other_calls_are_answered_during_an_upload(account, sandbox, new_account) -> None:
    answers = []

    def body():
        yield texts(account) + file_part().removesuffix(b"\r\n")
        # The upload goes on only when this is answered.
        answers.append(new_account(sandbox).log_in().status_code)
        yield b"\r\n" + END

    assert account.call("POST", ADD, data=body(), headers=TYPE).status_code == 200
    assert answers == [200]
