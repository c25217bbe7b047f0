"""What the documentation tells people to write and to type: all of it is run, here or where it is quoted from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_iqm.hooks import iqm
from airflow_provider_iqm.operators import campaign, matched_audience, prepare_audience_file
from airflow_provider_iqm.sensors import matched_audience as sensor
from airflow_provider_iqm.transfers import sql_to_matched_audience

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("[!.]*.md")), *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTED: list[ModuleType] = [iqm, campaign, matched_audience, prepare_audience_file, sensor, sql_to_matched_audience]

FENCE = re.compile(r"^( *)(```+|:::+)(\S*).*?\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
RUN = {"python", "bash", "json"}
# Statements of warehouses that no test can start; the page says so.
SHOWN = {"text", "sql+jinja"}
"""What programs print; nobody types it."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCE.finditer(text):
        indent, _, language, body = found.groups()
        lines = [line.removeprefix(indent) for line in body.splitlines()]
        yield Block(page, text.count("\n", 0, found.start()) + 1, language, "\n".join(lines))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def of_language(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_run_quoted_or_what_a_program_prints(block):
    # {literalinclude}, {eval-rst} and the like are Sphinx's, which fails where they can't be followed.
    assert block.language in RUN | SHOWN or re.fullmatch(r"\{[\w-]+\}", block.language)


@pytest.mark.parametrize("block", of_language("python"), ids=str)
def test_python_blocks_run(block, sandbox, monkeypatch):
    import pandas

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": ":memory:"}))
    names = {name: value for module in DOCUMENTED for name, value in vars(module).items() if name[0] != "_"}
    names["dataframe"] = pandas.DataFrame({"email": ["frodo@shire.example"]})
    with DAG("documentation", schedule=None, start_date=datetime(2026, 1, 1)):
        try:
            exec(compile(block.text, str(block), "exec"), names)
        except ImportError as error:
            if "needs Airflow 3.3" not in str(error):
                raise
            pytest.skip(str(error))


@pytest.mark.parametrize("block", of_language("json"), ids=str)
def test_json_blocks_are_json(block):
    json.loads(block.text)


SHIMS = {
    # The targets themselves are what the rest of the gate runs.
    "make": f'exec /usr/bin/env PATH="$OLD_PATH" make -n -C {ROOT} "$@"',
    "pip": f'echo "$@" | grep -E "^install (--constraint [^ ]+ )?[.\']" && exec {sys.executable} {{extras}} "$@"',
    # A sandbox listens already; its warehouse is made at once. No test creates an environment.
    "python": f'case "$*" in *iqm.sandbox*) set -- {{sandbox}} "$@";; "-m venv"*) exit 1;; esac; {sys.executable} "$@"',
    "python3": 'exec python "$@"',
    # What the UI shows is tested by test_quickstart.py.
    "airflow": f'[ "$1" = standalone ] && set -- standalone --help; exec {sys.executable} -m airflow "$@"',
}

EXTRAS = """
import re, sys, tomllib, pathlib
(wanted,) = re.findall(r"^\\.(?:\\[([\\w,]+)\\])?$", sys.argv[-1])
known = tomllib.loads(pathlib.Path(ROOT, "pyproject.toml").read_text())["project"]["optional-dependencies"]
sys.exit(bool(set(filter(None, wanted.split(","))) - set(known)))
"""


SANDBOX = """
import sys
from pathlib import Path
from airflow_provider_iqm.sandbox.__main__ import _parser
from airflow_provider_iqm.sandbox.warehouse import create_warehouse
options = _parser().parse_args(sys.argv[3:])
if options.warehouse:
    create_warehouse(options.warehouse)
"""


@pytest.fixture
def shell(tmp_path, sandbox, airflow_database):
    """Run a page's shell blocks one after the other, as somebody does who follows it in a clone of the repository."""
    sandbox.connect(rate_limit_window=0.1)

    def in_place(text):
        # Nothing is left where others look.
        return text.replace("/tmp/", f"{tmp_path}/").replace("http://127.0.0.1:8765", sandbox.url)

    programs = tmp_path / "programs"
    programs.mkdir()
    extras = tmp_path / "extras.py"
    extras.write_text(EXTRAS.replace("ROOT", repr(str(ROOT))))
    fake_sandbox = tmp_path / "fake_sandbox.py"
    fake_sandbox.write_text(SANDBOX)
    for name, code in SHIMS.items():
        program = programs / name
        program.write_text(
            f"#!/bin/bash\n{code.replace('{extras}', str(extras)).replace('{sandbox}', str(fake_sandbox))}\n"
        )
        program.chmod(0o755)
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "example_dags").mkdir()
    for example in (ROOT / "example_dags").iterdir():
        if example.is_file():
            (clone / "example_dags" / example.name).write_text(in_place(example.read_text()))
    (clone / "people.csv").write_text("email,zip\nfrodo@shire.example,00501\nsam@shire.example,00501\n")

    def run(script):
        script = in_place(script)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "OLD_PATH": os.environ["PATH"]}
        command = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)

    yield run
    run("airflow connections delete iqm_default")


@pytest.mark.parametrize("page", sorted({block.page for block in of_language("bash")}), ids=lambda page: page.name)
def test_shell_blocks_run(page, shell, sandbox, monkeypatch):
    if page.name == "quickstart.md":
        # The page stores its own connection in Airflow's database.
        monkeypatch.delenv("AIRFLOW_CONN_IQM_DEFAULT")
    script = "\n".join(block.text for block in of_language("bash") if block.page == page)
    done = shell(script)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    if page.name == "quickstart.md":
        assert [(audience.status, audience.records) for audience in sandbox.audiences] == [
            ("Ready", 2),
            ("Ready", 5000),
        ]
        for block in of_language("text"):
            if block.page == page:
                assert block.text in done.stdout


def test_the_upload_by_hand_that_is_quoted_works_as_its_successor_does(run_dag, sandbox, monkeypatch, tmp_path):
    path = tmp_path / "newsletter.csv"
    path.write_text("email,first_name\nfrodo@shire.example,Frodo\nsam@shire.example,Sam\n")
    settings = sandbox.settings
    client = {"conn_type": "http", "host": sandbox.url, "login": settings.client_id, "password": settings.client_secret}
    monkeypatch.setenv("AIRFLOW_CONN_IQM_CLIENT", json.dumps(client))
    monkeypatch.setenv("AIRFLOW_CONN_IQM_HOST", json.dumps({"conn_type": "http", "host": sandbox.url}))
    monkeypatch.setenv("AIRFLOW_VAR_IQM_EMAIL", settings.email)
    monkeypatch.setenv("AIRFLOW_VAR_IQM_PASSWORD", settings.password)
    for name, dag_id in (("before", "hand_written"), ("after", "by_the_provider")):
        source = (ROOT / "docs" / "migration" / f"{name}.py").read_text()
        source = source.replace("/tmp/newsletter.csv", str(path)).replace("poke_interval=60", "poke_interval=0.2")
        assert run_dag(source, dag_id).state == "success"
    by_hand, by_the_provider = sandbox.audiences
    assert by_hand.sha256 == by_the_provider.sha256
    assert by_hand.records == by_the_provider.records == 2


def test_the_quickstart_s_connection_is_the_one_that_its_sandbox_prints():
    text = (ROOT / "docs" / "quickstart.md").read_text()
    (options,) = re.findall(r"^python -m airflow_provider_iqm.sandbox (.*) --warehouse", text, re.MULTILINE)
    command = [sys.executable, "-m", "airflow_provider_iqm.sandbox", "--port", "0", *options.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        printed = "".join(iter(process.stdout.readline, "Press Ctrl+C to stop.\n"))
        process.terminate()
    (port,) = re.findall(r"listening on http://127.0.0.1:(\d+)", printed)
    (documented,) = re.findall(r"^airflow connections add iqm_default .*$", text, re.MULTILINE)
    assert documented in printed.replace(f":{port}", ":8765")
