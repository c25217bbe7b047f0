"""How a task hands the search for its upload over to the triggerer, and takes it back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, NotRequired, TypedDict, cast

from airflow_provider_iqm.exceptions import IQMError, IQMFinalError, IQMTransportError
from airflow_provider_iqm.hooks.resumable_upload import MAX_SENT
from airflow_provider_iqm.hooks.upload_recovery import MAX_SETTLING
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.triggers.deferral import GRACE
from airflow_provider_iqm.triggers.upload_search import SearchOutcome, UploadSearchTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_iqm.api.audience import MatchedAudience
    from airflow_provider_iqm.api.upload_search import OwnUploadSearch
    from airflow_provider_iqm.hooks.upload_attempts import UploadAttempts
    from airflow_provider_iqm.operators.upload.summary import UploadSummary


class SearchState(TypedDict):
    """
    What a task has to know to go on after a search.

    :param token: The upload's token.
    :param count: How many attempts to send the upload may have reached IQM.
    :param sent_here: How many of them this try has sent.
    :param earliest: Since when they may have been sent.
    :param summary: What is told of the upload.
    :param refusal: What a proxy said that refused the last one in IQM's place.
    :param audience_id: The audience that is known, where only its duplicates are searched for.
    """

    token: str
    count: int
    sent_here: int
    earliest: float | None
    summary: UploadSummary
    refusal: NotRequired[str | None]
    audience_id: NotRequired[int]


class Duplicates(TypedDict):
    """
    What a task has to know to search for duplicates of an upload that was sent twice.

    :param audience_name: The audience's name.
    :param token: The upload's token.
    :param earliest: Since when it may have been sent.
    :param settled_at: When to search at the earliest.
    """

    audience_name: str
    token: str
    earliest: float | None
    settled_at: float


def build_search_state(attempts: UploadAttempts, summary: UploadSummary, audience_id: int | None = None) -> SearchState:
    """
    Return what a task has to know to go on after a search.

    :param attempts: The attempts to send the upload.
    :param summary: What is told of the upload.
    :param audience_id: The audience that is known, where only its duplicates are searched for.
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


def plan_duplicate_search(audience_name: str, attempts: UploadAttempts | None, timeout: float) -> Duplicates | None:
    """
    Return what to search for when the audience is ready; ``None`` where the upload was sent once.

    :param audience_name: The audience's name.
    :param attempts: The attempts to send it; ``None`` where it is not to be searched for at all.
    :param timeout: The operator's ``lost_answer_timeout``.
    """
    if attempts is None or not attempts.repeated:
        return None
    return Duplicates(
        audience_name=audience_name,
        token=attempts.token,
        earliest=attempts.earliest,
        settled_at=time.time() + min(timeout, MAX_SETTLING),
    )


def parse_duplicate_search(event: Any) -> Duplicates | None:
    """
    Return what to search for, as the event of a trigger has handed it back.

    :param event: The event.
    """
    state = event.get("state") if isinstance(event, Mapping) else None
    return cast("Duplicates", state) if isinstance(state, Mapping) and "token" in state else None


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
    Leave the search to a trigger.

    The task goes on with its ``execute_after_search``, or with its ``execute_after_duplicates_search`` where the state
    names an audience.

    :param task: The task.
    :param search: What to search for.
    :param seconds: For how long.
    :param state: What the task has to know to go on.
    :param iqm_conn_id: The connection to IQM.
    :param pool_slots: How many slots of the connection's ``rate_limit_pool`` the task holds.
    :param start_at: When to search first, in seconds since 1970, where the task hasn't searched yet.
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
    left = deadline - time.time()
    method = "execute_after_duplicates_search" if "audience_id" in state else "execute_after_search"
    task.log.info('Deferring; searching IQM for audience "%s" for up to %.0f s', search.audience_name, left)
    task.defer(trigger=trigger, method_name=method, timeout=timedelta(seconds=left) + GRACE)
    raise AssertionError("defer() raises")


def parse_search_event(event: Any) -> tuple[SearchState, list[MatchedAudience]]:
    """
    Return what a search has found, which may be nothing.

    :param event: The event of :class:`~airflow_provider_iqm.triggers.upload_search.UploadSearchTrigger`.
    :raises IQMError: where nobody knows whether IQM has the audience.
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
        "Unrecognized trigger event, so nobody knows whether IQM has the audience; nothing is sent. Install the same "
        "release of airflow-provider-iqm in the triggerer and on the workers, then run the task again."
    )


def check_resend(state: SearchState) -> None:
    """
    Check that an upload that the search hasn't found can be sent once more.

    :param state: What the task knows of it.
    :raises IQMFinalError: where a proxy refused it, which would refuse it again.
    :raises IQMTransportError: where this try has sent it often enough.
    """
    if refusal := state.get("refusal"):
        with final_errors_fail_the_task():
            raise IQMFinalError(refusal)
    if state["sent_here"] >= MAX_SENT:
        raise IQMTransportError(
            "The answer to the upload was lost twice, and IQM lists no audience of it. It is not sent a third time: "
            "the task's next try searches for it first."
        )
