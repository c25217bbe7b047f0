"""
Polls audiences: one request for any number of them.

IQM's list has every audience's status in one response, the details have one audience only. Requests are scarce, so
several audiences are polled with the list.
"""

from __future__ import annotations

from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.exceptions import IQMError, IQMFinalError
from airflow_provider_iqm.vocabulary import AudienceStatus

MAX_DETAILS = 10
"""
The maximum number of audiences whose details one poll requests: for their match rate once they are ready, if the list
lacks it, and for the status of audiences that aren't in the list.
"""


def poll(iqm: Dialect, watch: AudienceWatch) -> Exchange[None]:
    """
    Return the exchange that polls all audiences that are not ready yet.

    A server error or a lost connection becomes an event; the next poll retries.

    :param iqm: The account's API.
    :param watch: The audiences; updated.
    :raises AudienceFailedError: One of them will never become ready.
    """
    failure = None
    try:
        yield from _poll(iqm, watch)
    except IQMFinalError:
        raise
    except IQMError as error:
        failure = error
    watch.end_poll(failure)
    if watch.with_campaigns and not watch.pending:
        yield from _read_campaigns(iqm, watch)


def _read_campaigns(iqm: Dialect, watch: AudienceWatch) -> Exchange[None]:
    """Read which campaigns use the ready audiences; they are only reported, so an error doesn't fail the poll."""
    try:
        watch.campaigns = yield from iqm.campaign_ids(watch.audience_ids)
    except IQMError as error:
        watch.fail_campaigns(error)


def _poll(iqm: Dialect, watch: AudienceWatch) -> Exchange[None]:
    requested = pending = watch.pending
    if len(pending) > 1:
        with_details = len(set(watch.audience_ids)) <= MAX_DETAILS
        listed = yield from iqm.listed(pending)
        requested = watch.rotate(set(pending) - {audience["id"] for audience in listed}, MAX_DETAILS)
        for audience in listed:
            if with_details and audience["status"] == AudienceStatus.READY and audience["match_rate"] is None:
                requested.append(audience["id"])
            else:
                watch.update(audience)
    for audience_id in requested:
        watch.update((yield from iqm.details(audience_id)))
