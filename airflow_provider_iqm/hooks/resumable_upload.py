"""Exactly-once uploads: an upload whose response was lost is searched for before it is sent again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_iqm.api.audience import AudienceOptions, MatchedAudience, NewAudience
from airflow_provider_iqm.api.upload_search import (
    OwnUploadSearch,
    details_or_none,
    is_not_processed,
    is_of_other_upload,
    name_with_token,
)
from airflow_provider_iqm.audience.audience_name import check_audience_name
from airflow_provider_iqm.exceptions import (
    DuplicateAudienceError,
    IQMError,
    UploadOutcomeUnknownError,
)
from airflow_provider_iqm.hooks.list_log import log_list_findings
from airflow_provider_iqm.hooks.upload_attempts import UploadAttempts
from airflow_provider_iqm.hooks.upload_recovery import (
    LOST_ANSWER_TIMEOUT,
    MAX_SETTLING,
    IQMUploadRecoveryHook,
    check_timeout,
)
from airflow_provider_iqm.lineage.hook_lineage import report_audience
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.metrics import report_upload
from airflow_provider_iqm.vocabulary import FAILED_STATUSES

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.upload import AudienceUpload

MAX_SENT = 2
"""The maximum number of times that a try sends an upload whose responses are lost."""

Search = Callable[[OwnUploadSearch, float], list[MatchedAudience]]
"""Searches for the audiences of an upload, with a timeout in seconds."""


@dataclass(frozen=True, kw_only=True)
class _UploadRun:
    """An upload and its options."""

    upload: AudienceUpload
    attempts: UploadAttempts
    options: AudienceOptions
    resume: bool
    timeout: float
    search: Search

    @cached_property
    def own_search(self) -> OwnUploadSearch:
        return OwnUploadSearch(self.upload.name, self.attempts.token, self.attempts.earliest)


class IQMResumableUploadHook(IQMUploadRecoveryHook):
    """
    Uploads prepared lists, exactly once.

    :param iqm_conn_id: The Airflow connection of type ``iqm``.
    """

    def _upload(
        self,
        upload: AudienceUpload,
        *,
        resume: bool = True,
        attempts: UploadAttempts | None = None,
        options: AudienceOptions | None = None,
        lost_answer_timeout: float = LOST_ANSWER_TIMEOUT,
        search: Search | None = None,
        check_duplicates: bool = True,
    ) -> int:
        """
        Upload the result of :func:`~airflow_provider_iqm.audience.upload.prepare_upload`, and return the audience's id.

        The file is streamed. If the response is lost, the hook searches for the audience and reuses it; if it isn't
        found, the hook uploads the list a second time. After a second upload, the hook searches again and deletes
        duplicates.

        :param upload: The upload.
        :param resume: Whether to search for the audience of an interrupted upload at all.
        :param attempts: The earlier attempts to send this upload; None to recover only from failures of this call.
        :param options: Options that only some accounts need.
        :param lost_answer_timeout: Seconds to search after a response was lost.
        :param search: Searches for the upload; by default,
            :meth:`~airflow_provider_iqm.hooks.upload_recovery.IQMUploadRecoveryHook._search_own_uploads`.
        :param check_duplicates: Whether to search for duplicates after a second upload; otherwise the caller does it.
        :raises AudienceNameError: The audience's name is too long.
        :raises AudienceOptionError: The connection's API version doesn't support an option.
        :raises UploadOutcomeUnknownError: It is unknown whether IQM created the audience, and later tries can't tell.
        :raises DuplicateAudienceError: IQM has duplicates that can't be deleted.
        """
        options = options or AudienceOptions()
        with final_errors_fail_the_task():
            check_audience_name(upload.name, workspace_host=self.settings.credentials.workspace_host)
            self._iqm.check(options)
            check_timeout(lost_answer_timeout)
        attempts = attempts or UploadAttempts(token=secrets.token_hex(8))
        run = _UploadRun(
            upload=upload,
            attempts=attempts,
            options=options,
            resume=resume,
            timeout=lost_answer_timeout,
            search=search or self._search_own_uploads,
        )
        self._log_upload(upload)
        audience_id = (self._find_earlier(run) if resume else None) or self._send_upload(run)
        if attempts.sent_here:
            counts = upload.report.counts() if upload.report else None
            report_upload(records=upload.file.records, file_bytes=upload.file.size, counts=counts)
        if check_duplicates and resume:
            audience_id = self._settle_upload(upload.name, attempts, audience_id, timeout=lost_answer_timeout)
        report_audience(self, upload.name, audience_id)
        return audience_id

    def _settle_upload(self, audience_name: str, attempts: UploadAttempts, audience_id: int, *, timeout: float) -> int:
        """
        Delete duplicates of an upload that was sent twice, after a pause; return the id of the audience that is kept.

        :param audience_name: The audience's name.
        :param attempts: The attempts to send the upload.
        :param audience_id: The known audience of the upload.
        :param timeout: The argument ``lost_answer_timeout``.
        :raises DuplicateAudienceError: A newer one can't be deleted, or campaigns use it.
        """
        if not attempts.repeated:
            return audience_id
        search = OwnUploadSearch(audience_name, attempts.token, attempts.earliest)
        settled_at = time.time() + min(timeout, MAX_SETTLING)
        try:
            kept = self._remove_duplicates(search, audience_id, settled_at=settled_at, timeout=timeout)
        except DuplicateAudienceError:
            raise
        except IQMError as error:
            if attempts.stored:
                raise
            # The caller would never learn this audience's id.
            self.log.warning("%s A duplicate of audience %s can't be ruled out.", error, audience_id)
            return audience_id
        attempts.settled(kept)
        return kept

    def _find_earlier(self, run: _UploadRun) -> int | None:
        """Return the audience that an earlier attempt created, if there is one."""
        attempts, name = run.attempts, run.upload.name
        if attempts.audience_id is not None:
            return self._reuse(run, attempts.audience_id)
        if not attempts.count:
            return None
        self.log.info('An earlier attempt may have uploaded audience "%s": searching IQM for it', name)
        return self._find_own_upload(run, run.timeout)

    def _reuse(self, run: _UploadRun, audience_id: int) -> int | None:
        """Return the audience of an earlier attempt, unless it has failed or no longer exists."""
        attempts = run.attempts
        own = self._search_own_uploads(run.own_search, 0) if attempts.by_search else []
        if all(audience["id"] != audience_id for audience in own):
            known = self._drive(details_or_none(self._iqm, audience_id))
            known = None if known and is_of_other_upload(known, attempts.token) else known
            failed = known is not None and known["status"] in FAILED_STATUSES
            if known and not failed:
                own.append(known)
            elif not attempts.by_search:
                # Check the list, too: a second upload costs money.
                own = self._search_own_uploads(run.own_search, 0)
            if not own:
                attempts.failed() if failed else attempts.not_found()
                self.log.warning(
                    "Audience %s from an earlier try %s: uploading the list again",
                    audience_id,
                    f"is {known['status']}" if known else "no longer exists in IQM",
                )
                return None
        audience_id = self._keep_oldest_upload(own)
        attempts.made(audience_id)
        self.log.info('Reusing audience %s "%s" from an earlier try', audience_id, run.upload.name)
        return audience_id

    def _send_upload(self, run: _UploadRun) -> int:
        """Send an upload; after a lost response, send it again only if IQM has no audience of it."""
        while True:
            result = self._send_once(run)
            if isinstance(result, int):
                return result
            self.log.warning("%s", result)
            if audience_id := self._find_after_loss(run, result):
                return audience_id
            self._check_resend(run, result)
            self.log.warning('IQM has no audience "%s" from this upload: uploading again', run.upload.name)

    def _send_once(self, run: _UploadRun) -> int | IQMError:
        """Send an upload; return the audience's id, or the error after which IQM may have created it anyway."""
        upload, attempts = run.upload, run.attempts
        audience = new_audience(upload, attempts.token if run.resume else None, run.options)
        # If this fails, the upload hasn't been sent.
        call = self._drive(self._iqm.upload(audience))
        count = attempts.count
        try:
            audience_id = self._drive(self._iqm.login.call(call), upload, attempts.in_flight)
        except IQMError as error:
            if attempts.count == count:
                # The upload wasn't sent, or IQM refused it.
                raise
            return error
        attempts.made(audience_id)
        self.log.info('IQM created audience %s "%s"', audience_id, upload.name)
        return audience_id

    def _check_resend(self, run: _UploadRun, lost: IQMError) -> None:
        """Raise an error unless the upload can be sent again."""
        attempts = run.attempts
        if attempts.refusal or attempts.sent_here >= MAX_SENT or not run.resume:
            self._give_up(run.upload, lost, is_recoverable=attempts.stored or is_not_processed(lost))

    def _find_after_loss(self, run: _UploadRun, lost: IQMError) -> int | None:
        if not run.resume:
            return None
        # Don't wait because of a wrong proxy or URL; a later try searches before it uploads.
        seconds = 0.0 if is_not_processed(lost) else run.timeout
        self.log.info(
            'IQM may have created audience "%s" anyway: searching for it for up to %.0f s', run.upload.name, seconds
        )
        try:
            return self._find_own_upload(run, seconds)
        except IQMError:
            if not run.attempts.stored:
                self._give_up(run.upload, lost, is_recoverable=False)
            raise

    def _find_own_upload(self, run: _UploadRun, timeout: float) -> int | None:
        attempts = run.attempts
        own = run.search(run.own_search, attempts.search_seconds(timeout))
        if not own:
            self.log.info('IQM lists no audience "%s" from this upload', run.upload.name)
            return None
        audience_id = self._keep_oldest_upload(own)
        attempts.made(audience_id)
        self.log.info('Found audience %s "%s" from this upload; not uploading again', audience_id, run.upload.name)
        return audience_id

    def _log_upload(self, upload: AudienceUpload) -> None:
        log_list_findings(self.log, upload)
        self.log.info(
            'Uploading matched audience "%s": %s, records: %s, bytes: %s, matched by %s',
            upload.name,
            upload.file.display_name,
            f"{upload.file.records:,}",
            upload.file.size_text,
            upload.mapping.kind.label,
        )

    def _give_up(self, upload: AudienceUpload, error: IQMError, *, is_recoverable: bool) -> NoReturn:
        """Raise the error if a later try can recover, otherwise one that fails the task."""
        if is_recoverable:
            raise error
        with final_errors_fail_the_task():
            raise UploadOutcomeUnknownError(
                f'The response to the upload of "{upload.name}" was lost, so it is unknown whether IQM created the '
                f"audience: {error} Not uploading again, because that may cost money twice. Look for the audience in "
                "IQM; if it isn't there, run the upload again.",
            ) from error


def new_audience(upload: AudienceUpload, token: str | None, options: AudienceOptions) -> NewAudience:
    """
    Convert an upload to the API's terms.

    :param upload: The upload.
    :param token: The token to add to the file name; None for the original file name.
    :param options: Options that only some accounts need.
    """
    file, mapping = upload.file, upload.mapping
    return NewAudience(
        name=upload.name,
        columns=mapping.columns,
        settings=mapping.settings,
        key_fields=[field.value for field in mapping.kind.fields],
        single_column=mapping.kind.single_column,
        file_name=name_with_token(file.name, token) if token else file.name,
        media_type=file.media_type,
        file_bytes=file.size,
        file_columns=file.columns,
        samples=file.samples,
        records=file.records,
        options=options,
    )
