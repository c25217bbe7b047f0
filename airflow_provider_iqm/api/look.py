"""
One look at audiences that are awaited: one request for however many there are.

The list names every audience's status in one answer, the details tell of one audience only. Requests are what the
account has least of, so several audiences are asked for by the list.
"""

from __future__ import annotations

from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.exchange import Exchange
from airflow_provider_iqm.api.watch import AudienceWatch
from airflow_provider_iqm.exceptions import IQMError, IQMFinalError
from airflow_provider_iqm.vocabulary import AudienceStatus

MAX_DETAILS = 10
"""
For how many audiences a look may ask for the details. Of so many, the match rate is asked for once they are ready,
where the list doesn't tell it; and so many that the list doesn't name are asked for one by one.
"""


def look(iqm: Dialect, watch: AudienceWatch) -> Exchange[None]:
    """
    Return the exchange that asks once for all audiences that are not ready yet.

    A server error or a lost connection only costs the look: it is logged, and the next look asks again.

    :param iqm: The account's API.
    :param watch: The account of the audiences; it takes note of what IQM says.
    :raises AudienceFailedError: where one of them will never become ready.
    """
    try:
        yield from _ask(iqm, watch)
    except IQMFinalError:
        raise
    except IQMError as error:
        watch.log.warning("%s The next look asks again.", error)
    watch.tell_progress()


def _ask(iqm: Dialect, watch: AudienceWatch) -> Exchange[None]:
    asked = pending = watch.pending
    if len(pending) > 1:
        detailed = len(set(watch.audience_ids)) <= MAX_DETAILS
        listed = yield from iqm.listed(pending)
        asked = watch.in_turn(set(pending) - {audience["id"] for audience in listed}, MAX_DETAILS)
        for audience in listed:
            if detailed and audience["status"] == AudienceStatus.READY and audience["match_rate"] is None:
                asked.append(audience["id"])
            else:
                watch.observe(audience)
    for audience_id in asked:
        watch.observe((yield from iqm.details(audience_id)))
