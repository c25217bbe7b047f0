"""Audiences and campaigns in Dags and on the command line; each request is judged by IQM's OpenAPI files (conftest)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from airflow_provider_iqm.hooks.iqm import IQMHook

DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.campaign import TargetAudienceOperator
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

with DAG("campaigns", schedule=None, start_date=datetime(2026, 1, 1), params={{"campaigns": {campaigns}}}) as dag:
    usual = {{"columns": {{"email": "Email"}}, "column_settings": {{"Email": "Raw"}}, "file_path": {path!r}}}
    usual |= {{"wait_for_ready": True, "poke_interval": 0.2}}
    upload = MatchedAudienceUploadOperator(task_id="upload", audience_name="VIP", **usual)
    lists = MatchedAudienceUploadOperator.partial(task_id="lists", **usual).expand(audience_name=["Gone", "Left"])
    TargetAudienceOperator(
        task_id="target", campaign_ids="{{{{ params.campaigns }}}}", include=upload.output, exclude=lists.output
    )
"""


@pytest.fixture(params=["classic", "v3"])
def api_version(request):
    return request.param


@pytest.fixture
def list_path(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    return path


def test_a_dag_puts_its_audiences_into_campaigns(run_dag, sandbox, list_path):
    ids = [sandbox.add_campaign("Summer"), sandbox.add_campaign("Winter")]
    run = run_dag(DAG.format(campaigns=ids, path=str(list_path)), "campaigns")
    assert run.state == "success"
    assert run.xcom("target") == ids
    audience_id = run.xcom("upload")
    for campaign in sandbox.campaigns:
        assert campaign.included == (audience_id,)
        assert set(campaign.excluded) == {audience.id for audience in sandbox.audiences} - {audience_id}
        # One moment before, and one change.
        assert len(campaign.timeline) == 2
    assert run.xcom("target", "iqm_campaign_link") == "https://app.iqm.com/#/campaign"


def command(*arguments, name="campaigns", code=0):
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_iqm", name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def test_the_command_line_shows_who_uses_audiences(sandbox, list_path, api_version):
    used, unused = (
        IQMHook().upload_matched_audience(
            file_path=list_path, audience_name=name, columns={"email": "Email"}, column_settings={"Email": "Raw"}
        )
        for name in ("Used", "Unused")
    )
    including = sandbox.add_campaign("Summer [1]", included=[used])
    excluding = sandbox.add_campaign("Winter", excluded=[used], status="paused")
    if api_version == "classic":
        assert "requires v3" in command(used, code=1).stderr
        return
    done = command(used, unused, "-o", "json")
    keys = ("audience_id", "targeting", "campaign_id", "name", "status")
    assert json.loads(done.stdout) == [
        dict(zip(keys, (used, "included", including, "Summer [1]", "running"), strict=True)),
        dict(zip(keys, (used, "excluded", excluding, "Winter", "paused"), strict=True)),
    ]
    assert f"Not used by any campaign: {unused}" in done.stderr
    assert "Summer [1]" in command(used).stdout
    assert json.loads(command(unused, "-o", "json").stdout) == []
    assert command(99, code=1).stderr.strip().splitlines()[-1].startswith("AudienceNotFoundError")


def test_the_command_line_replaces_an_audience(sandbox, list_path, api_version):
    old, new = (
        IQMHook().upload_matched_audience(
            file_path=list_path, audience_name=name, columns={"email": "Email"}, column_settings={"Email": "Raw"}
        )
        for name in ("Old", "New")
    )
    sandbox.advance(10)
    campaign_id = sandbox.add_campaign("Summer", excluded=[old])
    arguments = [old, new, "-o", "json", "--campaign-ids", campaign_id]
    row = {"campaign_id": campaign_id, "name": "Summer", "status": "running", "targeting": "excluded"}

    def replace(*more):
        done = command(*arguments, *more, name="replace")
        return json.loads(done.stdout), done.stderr.splitlines()[-1]

    assert replace("--dry-run") == ([row | {"change": f"{old} -> {new}"}], "Dry run: nothing was changed")
    assert sandbox.campaigns[0].excluded == (old,)
    assert replace("--keep-old") == ([row | {"change": f"{old} -> {new}"}], f"Audience {old} is replaced")
    assert sandbox.campaigns[0].excluded == (new,)
    assert replace()[1] == f"Audience {old} is replaced and deleted"
    assert [audience.status for audience in sandbox.audiences] == ["Deleted", "Ready"]
    assert "AudienceNotFoundError" in command(old, 99, name="replace", code=1).stderr
