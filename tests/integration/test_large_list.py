from __future__ import annotations

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_iqm_large_list.py"


def test_a_large_list_becomes_ready_audiences_and_leaves_nothing_behind(run_dag, sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("EXAMPLE_IQM_MAX_RECORDS", "60")
    path = tmp_path / "people.csv"
    path.write_text("email\n" + "".join(f"user{number}@mail.example\n" for number in range(100)))
    run = run_dag(EXAMPLE, "example_iqm_large_list", file_path=str(path), output_dir=str(tmp_path / "parts"))
    assert run.state == "success"
    first, second = sorted(sandbox.audiences, key=lambda audience: audience.name)
    assert first.name.endswith("(1 of 2)")
    assert second.name.endswith("(2 of 2)")
    assert first.records + second.records == 100
    assert first.column_settings == {"Email": "SHA256"}
    assert {item["status"] for item in run.xcom("wait_until_ready")} == {"Ready"}
    assert list((tmp_path / "parts").iterdir()) == []
