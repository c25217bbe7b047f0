"""Clean a list with a suppression list, and check that nothing is left behind."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.upload import prepare_upload


@pytest.fixture
def suppress(tmp_path):
    """Clean a list with a suppression list; return the lines that are left, and the report."""
    scratch = tmp_path / "scratch"

    def run(content, suppressed, *, name="optouts.csv", columns=None, **options):
        path, suppression_path = tmp_path / "list.csv", tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if suppressed is not None:
            suppression_path.write_bytes(suppressed if isinstance(suppressed, bytes) else suppressed.encode())
        scratch.mkdir(exist_ok=True)
        given = {"scratch_dir": scratch, "max_invalid_ratio": 1, "suppression_path": suppression_path, **options}
        if columns is None and "hash_columns" not in given:
            given.setdefault("column_settings", {"Email": "Raw"})
        try:
            with prepare_upload(
                file_path=path, audience_name="List", columns=columns or {"email": "Email"}, **given
            ) as upload:
                return upload.file.path.read_text(encoding="utf-8").splitlines()[1:], upload.report
        finally:
            assert list(scratch.iterdir()) == []

    return run
