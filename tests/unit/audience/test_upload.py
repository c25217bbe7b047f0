from __future__ import annotations

import os

import pytest

from airflow_provider_iqm.audience import upload as module
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError

LIST = "email\nfrodo@shire.example\nsam@shire.example\n"


def grow(path):
    with path.open("a") as file:
        file.write("gollum@shire.example\n")


def overwrite(path):
    path.write_text(path.read_text().replace("sam", "pip"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def replace(path):
    status, new = path.stat(), path.with_suffix(".new")
    new.write_text(path.read_text().replace("sam", "pip"))
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.replace(path)


@pytest.mark.parametrize("change", [grow, overwrite, replace])
@pytest.mark.parametrize("options", [{"encoding": "latin-1"}, {"hash_columns": {"email": "SHA256"}}, {}])
def test_a_file_that_changes_while_it_is_read_is_not_uploaded(tmp_path, monkeypatch, change, options):
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    reader, read = ("clean_list", module.clean_list) if "hash_columns" in options else ("read_list", module.read_list)

    def read_and_change(*args, **kwargs):
        result = read(*args, **kwargs)
        change(path)
        return result

    given = {"file_path": path, "audience_name": "List", "columns": {"email": "Email"}, **options}
    if "hash_columns" not in options:
        given["column_settings"] = {"Email": "Raw"}
    with prepare_upload(**given) as upload:
        assert upload.file.records == 2
    monkeypatch.setattr(module, reader, read_and_change)
    with pytest.raises(AudienceFileError, match=r"list.csv: the file changed while it was read; nothing was uploaded"):
        prepare_upload(**given)
