"""
The exceptions of this package.

Subclasses of :class:`IQMFinalError` aren't retryable: hooks, operators and sensors also raise them as Airflow's
``AirflowFailException`` (see :mod:`airflow_provider_iqm.runtime.failures`), so that the task fails without a retry.
All other errors are left to the task's retries. This module doesn't import Airflow, so that audience files can be
checked without it.

No message contains a secret or a value of an audience file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class IQMError(Exception):
    """The base class of all errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the error without calling ``__init__``, whose keyword arguments aren't in ``args``."""
        return restore_error, (type(self), self.args), self.__dict__


def restore_error(kind: type[IQMError], args: tuple[Any, ...]) -> IQMError:
    """
    Create an error from its pickled form.

    :param kind: The error's class.
    :param args: The error's ``args``.
    """
    return kind.__new__(kind, *args)


class IQMFinalError(IQMError):
    """An error that isn't retryable: somebody has to fix its cause first."""


class IQMConnectionError(IQMFinalError):
    """A field of the Airflow connection is missing or invalid."""


class AudienceFileError(IQMFinalError):
    """
    The audience file can't be uploaded as it is.

    :param message: What is wrong, and what to do.
    :param line: The line of the file that has the error, counted from 1; None if there isn't a single one.
    :param warnings: Other findings in the file that may explain the error.
    """

    def __init__(self, message: str, *, line: int | None = None, warnings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.line = line
        self.warnings = tuple(warnings)


class ObjectStorageError(AudienceFileError):
    """A file or bucket in object storage doesn't exist, access to it is denied, or its provider isn't installed."""


class ColumnMappingError(IQMFinalError):
    """``columns``, ``column_settings`` or ``hash_columns`` don't match the file or IQM's fields."""


class AudienceOptionError(IQMFinalError):
    """An argument about the audience is invalid, needs another argument, or needs version v3 of IQM's API."""


class ReadingOptionError(IQMFinalError):
    """An argument for reading a list (``delimiter``, ``encoding``, ``sheet``) is invalid, or not for this format."""


class CleaningOptionError(IQMFinalError):
    """An argument for cleaning or splitting a list is invalid."""


class WorkerResourceError(IQMError):
    """The worker is out of disk space, memory or threads, or its disk failed; a retry or another worker may succeed."""


class QueryError(IQMFinalError):
    """The query is invalid, or its connection isn't one to a SQL database."""


class QueryFailedError(IQMError):
    """The database is unreachable, rejected the query, or failed while running it; a retry may succeed."""


class AudienceNameError(IQMFinalError):
    """The audience's name is invalid."""


class AudienceFailedError(IQMFinalError):
    """The audience won't become ready: it failed, was rejected, or was deleted."""


class LowMatchRateError(IQMFinalError):
    """The audience is ready, but its match rate is too low or unknown."""


class RecordCountError(IQMFinalError):
    """A list has too few records, in all or compared with the last one; nothing was uploaded."""


class CampaignTargetingError(IQMFinalError):
    """
    Some campaigns couldn't be updated; all others were.

    :param message: Which ones, why not, and what to do.
    :param changed: The ids of the campaigns that were updated.
    :param failed: Campaign id → IQM's reason.
    """

    def __init__(self, message: str, *, changed: Sequence[int] = (), failed: Mapping[int, str] | None = None) -> None:
        super().__init__(message)
        self.changed = list(changed)
        self.failed = dict(failed or {})


class UploadOutcomeUnknownError(IQMFinalError):
    """The answer to an upload was lost, so it is unknown whether IQM created the audience."""


class DuplicateAudienceError(IQMFinalError):
    """IQM has more than one audience of an upload, and the newer ones can't be deleted automatically."""


class SharedStateError(IQMError):
    """The store that the account's tasks share (host files, Redis or Postgres) failed; a retry may succeed."""


class IQMTransportError(IQMError):
    """
    The request got no answer: the connection failed, was lost, or timed out.

    :param message: What happened.
    :param sent: Whether part of the request may have reached IQM.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class IQMApiError(IQMError):
    """
    IQM, or a proxy in front of it, answered with an error.

    :param message: What happened and what to do.
    :param status: The HTTP status of the answer, or the ``statusCode`` in an answer with HTTP 200.
    :param detail: IQM's own error message, if it sent one.
    :param retry_after: Seconds to wait before the next try, if the answer has a ``Retry-After``.
    :param from_iqm: Whether the answer has the form of IQM's errors; otherwise a proxy may have sent it.
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
    """The account's rate limit was exceeded (HTTP 429)."""


class IQMServerError(IQMApiError):
    """IQM or a proxy failed to process the request (HTTP 408, 5xx); a retry may succeed."""


class IQMInvalidAnswerError(IQMApiError):
    """IQM's answer can't be parsed: it isn't JSON, is cut off, or lacks a required field."""


class IQMRequestError(IQMApiError, IQMFinalError):
    """IQM rejected the request as invalid (HTTP 4xx)."""


class AudienceNotFoundError(IQMRequestError):
    """The account has no such audience."""


class IQMAuthenticationError(IQMApiError, IQMFinalError):
    """IQM rejected the client, the user or the workspace."""


class IQMAccountOnHoldError(IQMAuthenticationError):
    """IQM has put the account on hold."""
