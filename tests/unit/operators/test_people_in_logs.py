"""Task logs don't show personal data from a list without a header."""

from __future__ import annotations

import logging
import traceback
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator

LISTS = {
    "of everything": "Wilhelmina,Quackenbush,4 Elmwood Ter,Poughkeepsie,NY,minnie@mail.example,1980-05-01\n",
    "of names": "Wilhelmina,Quackenbush,Poughkeepsie\n",
    "of names, with semicolons": "Wilhelmina;Quackenbush;Poughkeepsie\n",
    "with a value twice": "Wilhelmina,Quackenbush,Wilhelmina\n",
    "with a blank value": "Wilhelmina,,Quackenbush\n",
    "as JSON": '[{"name": "Wilhelmina Quackenbush", "email": "minnie@mail.example"}]\n',
}
VALUES = ("wilhelmina", "quackenbush", "poughkeepsie", "elmwood", "minnie", "1980")


@pytest.mark.parametrize("case", LISTS)
@pytest.mark.parametrize("options", [{}, {"normalize": True}, {"hash_columns": {"email": "SHA256"}}])
@pytest.mark.parametrize("split", [False, True])
def test_a_task_shows_nothing_of_it(tmp_path, caplog, capfd, case, options, split):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "list.csv"
    path.write_text(LISTS[case] * 3)
    arguments = {
        "file_path": str(path),
        "audience_name": "People",
        "columns": {"email": "Email", "zip": "Zip"},
        "column_settings": None if "hash_columns" in options else {"Email": "Raw"},
        **options,
    }
    if split:
        operator = PrepareAudienceFileOperator(task_id="x", output_dir=str(tmp_path / "parts"), **arguments)
    else:
        operator = MatchedAudienceUploadOperator(task_id="x", **arguments)
    with pytest.raises(AirflowFailException) as caught:
        operator.execute({"ti": MagicMock(), "task": MagicMock()})
    said = [caplog.text, *capfd.readouterr(), repr(caught.value), *traceback.format_exception(caught.value)]
    assert not [value for value in VALUES if value in "".join(said).casefold()]
    assert ("JSON" if case == "as JSON" else "header") in str(caught.value)
