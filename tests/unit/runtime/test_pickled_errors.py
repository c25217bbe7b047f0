"""Errors can be pickled and copied, with what they hold, also as Airflow's."""

import copy
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import AudienceFileError, IQMAuthenticationError, IQMError, IQMServerError
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task

ERRORS = [
    AudienceFileError("a", line=3, warnings=["b"]),
    IQMServerError("a", status=503, retry_after=2.0),
    IQMAuthenticationError("a", status=401, detail="b"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_pickled(error: IQMError) -> None:
    with pytest.raises(type(error)) as caught, final_errors_fail_the_task():
        raise error
    for original in (error, caught.value):
        for again in (pickle.loads(pickle.dumps(original)), copy.deepcopy(original)):
            assert type(again) is type(original)
            assert (str(again), vars(again)) == (str(original), vars(original))
            assert isinstance(again, AirflowFailException) == isinstance(original, AirflowFailException)
