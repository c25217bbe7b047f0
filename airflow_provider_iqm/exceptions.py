"""
Every error of this package, one tree.

The module knows nothing of Airflow, so that audience files can be checked without it. An error below
:class:`IQMFinalError` is one that a second try can't mend; hooks, operators and sensors raise it as
Airflow's ``AirflowFailException`` too (see :mod:`airflow_provider_iqm.runtime.failures`), so that Airflow does not
retry the task. Any other error is left to the task's retries.

No message holds a secret or a value of an audience file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class IQMError(Exception):
    """Anything that went wrong between Airflow and IQM."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy it without its ``__init__``, whose keywords ``args`` doesn't hold."""
        return restore_error, (type(self), self.args), self.__dict__


def restore_error(kind: type[IQMError], args: tuple[Any, ...]) -> IQMError:
    """
    Make an error again that was pickled.

    :param kind: Its type.
    :param args: Its arguments.
    """
    return kind.__new__(kind, *args)


class IQMFinalError(IQMError):
    """An error that trying again can't mend: somebody has to change something first."""


class IQMConnectionError(IQMFinalError):
    """The Airflow connection lacks a field, or a field's value can't be used."""


class AudienceFileError(IQMFinalError):
    """
    The audience file can't be uploaded as it is.

    :param message: What is wrong, and what to do.
    :param line: The line of the file that is to blame, counted from 1, where one line is.
    :param warnings: What else was found in the file, and may be why.
    """

    def __init__(self, message: str, *, line: int | None = None, warnings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.line = line
        self.warnings = tuple(warnings)


class ObjectStorageError(AudienceFileError):
    """Object storage has no such file or bucket, refuses the connection's credentials, or has no provider."""


class ColumnMappingError(IQMFinalError):
    """``columns`` or ``column_settings`` don't fit the file, or don't fit what IQM allows."""


class AudienceOptionError(IQMFinalError):
    """What is asked for can't be done: it needs another version of IQM's API, more to be said, or another value."""


class ReadingOptionError(IQMFinalError):
    """An argument that says how to read a list (``delimiter``, ``encoding``, ``sheet``) can't be used for it."""


class CleaningOptionError(IQMFinalError):
    """An argument that says how to clean or split a list has a value that can't be used."""


class WorkerResourceError(IQMError):
    """The worker lacks disk space, memory or threads, or its disk fails; it may work later, or on another worker."""


class QueryError(IQMFinalError):
    """A query can't be run as it is, or its connection leads to no SQL database."""


class QueryFailedError(IQMError):
    """The database can't be reached, refused a query, or failed on the way; a retry may work."""


class AudienceNameError(IQMFinalError):
    """The audience's name can't be used."""


class AudienceFailedError(IQMFinalError):
    """IQM will never make this audience ready: it failed, was rejected, or was deleted."""


class LowMatchRateError(IQMFinalError):
    """An audience is ready, but IQM has matched too few of its records, or doesn't tell how many."""


class CampaignTargetingError(IQMFinalError):
    """
    Some campaigns couldn't be changed; all others were.

    :param message: Which ones, why not, and what to do.
    :param changed: The ids of the campaigns that were changed.
    :param failed: Campaign id → IQM's reason.
    """

    def __init__(self, message: str, *, changed: Sequence[int] = (), failed: Mapping[int, str] | None = None) -> None:
        super().__init__(message)
        self.changed = list(changed)
        self.failed = dict(failed or {})


class UploadOutcomeUnknownError(IQMFinalError):
    """An upload was sent, but its answer was lost: IQM may have created the audience or not."""


class DuplicateAudienceError(IQMFinalError):
    """IQM has more than one audience of an upload, and the newer ones can't be deleted: somebody has to choose."""


class SharedStateError(IQMError):
    """The store that an account's tasks share (host files, Redis or Postgres) can't be used; it may work later."""


class IQMTransportError(IQMError):
    """
    No answer came: the connection failed, was lost, or timed out.

    :param message: What happened.
    :param sent: Whether any of the request may have reached IQM.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class IQMApiError(IQMError):
    """
    IQM, or a proxy in front of it, answered with an error.

    :param message: What happened and what to do.
    :param status: The HTTP status of the answer, or the ``statusCode`` inside one that came with HTTP 200.
    :param detail: IQM's own words, where it gave any.
    :param retry_after: Seconds to wait before the next try, where the answer said so.
    :param from_iqm: Whether the answer has the form of IQM's own; without it, a proxy may have answered.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        detail: str = "",
        retry_after: float | None = None,
        from_iqm: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.from_iqm = from_iqm


class IQMRateLimitError(IQMApiError):
    """More requests than the account's limit (HTTP 429)."""


class IQMServerError(IQMApiError):
    """IQM or a proxy failed to do what was asked (HTTP 408, 5xx); it may work later."""


class IQMInvalidAnswerError(IQMApiError):
    """An answer that can't be read: not JSON, cut off, or without what it must hold."""


class IQMRequestError(IQMApiError, IQMFinalError):
    """IQM refused a request as wrong (HTTP 4xx)."""


class AudienceNotFoundError(IQMRequestError):
    """The account has no such audience."""


class IQMAuthenticationError(IQMApiError, IQMFinalError):
    """IQM refused the client, the user or the workspace."""


class IQMAccountOnHoldError(IQMAuthenticationError):
    """IQM has put the account on hold."""
