"""
Polls audiences: one request for however many there are.

IQM's list has every audience's status in one answer, the details have one audience only. The account's requests are
few, so several audiences are polled by the list.
"""

from __future__ import annotations

from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.exceptions import IQMError, IQMFinalError
from airflow_provider_iqm.vocabulary import AudienceStatus

MAX_DETAILS = 10
"""
How many audiences one poll may request the details of: for their match rate once they are ready, if the list lacks
it, and for the status of audiences that aren't in the list.
"""


def poll(iqm: Dialect, watch: AudienceWatch) -> Exchange[None]:
    """
    Return the exchange that polls all audiences that are not ready yet.

    A server error or a lost connection is logged; the next poll tries again.

    :param iqm: The account's API.
    :param watch: The audiences, and what is known of them; updated.
    :raises AudienceFailedError: One of them will never become ready.
    """
    try:
        yield from _ask(iqm, watch)
    except IQMFinalError:
        raise
    except IQMError as error:
        watch.log.warning("%s The next poll tries again.", error)
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
