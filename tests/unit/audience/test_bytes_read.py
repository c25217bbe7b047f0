"""How much of a plain CSV file an upload reads: it is checked in one pass, and sent in another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.files.file_body import FileBody

IO = Path("/proc/self/io")
SMALL = 2_000_000
"""What may be read besides: the file's beginning, several times."""

pytestmark = pytest.mark.skipif(not IO.exists(), reason="needs /proc/self/io, which counts the bytes read")


def bytes_read():
    return int(re.search(r"rchar: (\d+)", IO.read_text())[1])


def prepared(path):
    columns = {"email": "Email", "zip": "Residence_Addresses_Zip"}
    return prepare_upload(file_path=path, audience_name="List", columns=columns, column_settings={"Email": "Raw"})


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_plain_file_is_read_once_to_check_it_and_once_to_send_it(make_file, line_end):
    record = f'jose@b.example,José,"1, Main St,{line_end}Apt ""7""",00501{line_end}'
    path = make_file(f"email,first,street,zip{line_end}" + record * 500_000)
    size = path.stat().st_size
    prepared(make_file(f"email,zip{line_end}" + f"a@b.example,00501{line_end}" * 150_000, name="other.csv")).close()

    before = bytes_read()
    with prepared(path) as upload:
        assert upload.file.records == 500_000
        assert upload.token("dag", "task", "run")
        assert bytes_read() - before < size + SMALL
        for _ in FileBody(path, size=upload.file.size):
            pass
        assert bytes_read() - before < 2 * size + SMALL
