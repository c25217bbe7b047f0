"""Defers the search for an upload whose response was lost, and parses the trigger's event."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, NotRequired, TypedDict, cast

from airflow_provider_iqm.exceptions import IQMError, IQMFinalError, IQMTransportError
from airflow_provider_iqm.hooks.resumable_upload import MAX_SENT
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.triggers.deferral import TIMEOUT_MARGIN
from airflow_provider_iqm.triggers.upload_search import SearchOutcome, UploadSearchTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_iqm.api.audience import MatchedAudience
    from airflow_provider_iqm.api.upload_search import OwnUploadSearch
    from airflow_provider_iqm.hooks.upload_attempts import UploadAttempts
    from airflow_provider_iqm.operators.upload.summary import UploadSummary


class SearchState(TypedDict):
    """
    The state of an upload that a task needs to resume after the search.

    :param token: The upload's token.
    :param count: The number of attempts that may have reached IQM.
    :param sent_here: The number of attempts made by this try.
    :param earliest: The time of the first attempt, in seconds since 1970; None if unknown.
    :param summary: The upload's summary.
    :param refusal: The error of a proxy that refused the last attempt in IQM's place.
    :param audience_id: The audience whose duplicates are searched for; missing in a search for the audience itself.
    """

    token: str
    count: int
    sent_here: int
    earliest: float | None
    summary: UploadSummary
    refusal: NotRequired[str | None]
    audience_id: NotRequired[int]


def build_search_state(attempts: UploadAttempts, summary: UploadSummary, audience_id: int | None = None) -> SearchState:
    """
    Build the state that a task needs to resume after a search.

    :param attempts: The attempts to send the upload.
    :param summary: The upload's summary.
    :param audience_id: The audience whose duplicates are searched for; None in a search for the audience itself.
    """
    state = SearchState(
        token=attempts.token,
        count=attempts.count,
        sent_here=attempts.sent_here,
        earliest=attempts.earliest,
        summary=summary,
        refusal=attempts.refusal,
    )
    if audience_id is not None:
        state["audience_id"] = audience_id
    return state


def defer_search(
    task: BaseOperator,
    search: OwnUploadSearch,
    seconds: float,
    state: SearchState,
    *,
    iqm_conn_id: str,
    pool_slots: int,
    start_at: float | None = None,
) -> NoReturn:
    """
    Defer a search to the triggerer.

    The task resumes in ``execute_after_search``, or in ``execute_after_duplicates_search`` if the state names an
    audience.

    :param task: The task.
    :param search: The search.
    :param seconds: Search timeout (seconds).
    :param state: The state that the task needs to resume.
    :param iqm_conn_id: The connection to IQM.
    :param pool_slots: The number of slots of the connection's ``rate_limit_pool`` that the task holds.
    :param start_at: The time of the first search, in seconds since 1970; None if the task has searched already.
    """
    deadline = (start_at or time.time()) + seconds
    trigger = UploadSearchTrigger(
        search.audience_name,
        search.token,
        search.earliest,
        deadline,
        iqm_conn_id,
        pool_slots,
        dict(state),
        start_at,
    )
    timeout = deadline - time.time()
    method = "execute_after_duplicates_search" if "audience_id" in state else "execute_after_search"
    task.log.info('Deferring; searching IQM for audience "%s" for up to %.0f s', search.audience_name, timeout)
    task.defer(trigger=trigger, method_name=method, timeout=timedelta(seconds=timeout) + TIMEOUT_MARGIN)
    raise AssertionError("defer() raises")


def parse_search_event(event: Any) -> tuple[SearchState, list[MatchedAudience]]:
    """
    Return the state of the upload and the audiences that a search found, if any.

    :param event: The event of :class:`~airflow_provider_iqm.triggers.upload_search.UploadSearchTrigger`.
    :raises IQMError: The search failed, so IQM may or may not have the audience.
    """
    with final_errors_fail_the_task():
        match event:
            case {"kind": SearchOutcome.FOUND, "state": {"token": str()} as state, "audiences": [_, *_] as audiences}:
                return cast("SearchState", state), cast("list[MatchedAudience]", audiences)
            case {"kind": SearchOutcome.NOT_FOUND, "state": {"token": str(), "sent_here": int()} as state}:
                return cast("SearchState", state), []
            case {"kind": SearchOutcome.ERROR, "message": str(message)}:
                raise IQMFinalError(message)
            case {"kind": SearchOutcome.FAILED, "message": str(message)}:
                raise IQMError(f"The search for the upload failed: {message}")
    raise IQMError(
        "Unrecognized trigger event, so it is unknown whether IQM has the audience; nothing was uploaded. Install the "
        "same release of airflow-provider-iqm in the triggerer and on the workers, then clear the task."
    )


def check_resend(state: SearchState) -> None:
    """
    Check that an upload that wasn't found can be sent again.

    :param state: The state of the upload.
    :raises IQMFinalError: A proxy refused the upload, and would again.
    :raises IQMTransportError: This try has sent the upload as often as allowed.
    """
    if refusal := state.get("refusal"):
        with final_errors_fail_the_task():
            raise IQMFinalError(refusal)
    if state["sent_here"] >= MAX_SENT:
        raise IQMTransportError(
            "The response to the upload was lost twice, and IQM doesn't list its audience. Not uploading a third time: "
            "the next retry searches for the audience first."
        )
