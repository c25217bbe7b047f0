"""An upload that is never sent twice blindly, and found again if its answer was lost."""

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
    is_foreign,
    name_with_token,
    read_known,
    says_not_processed,
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
from airflow_provider_iqm.vocabulary import FAILED_STATUSES

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.upload import AudienceUpload

MAX_SENT = 2
"""How often a try sends an upload whose answers are lost."""

Search = Callable[[OwnUploadSearch, float], list[MatchedAudience]]
"""Searches for the audiences of an upload for this many seconds."""


@dataclass(frozen=True, kw_only=True)
class _Sending:
    """An upload on its way."""

    upload: AudienceUpload
    attempts: UploadAttempts
    options: AudienceOptions
    resume: bool
    timeout: float
    search: Search

    @cached_property
    def own(self) -> OwnUploadSearch:
        return OwnUploadSearch(self.upload.name, self.attempts.token, self.attempts.earliest)


class IQMResumableUploadHook(IQMUploadRecoveryHook):
    """
    Uploads what was checked.

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
        Upload what :func:`~airflow_provider_iqm.audience.upload.prepare_upload` has checked; return the audience's id.

        The file is streamed. Where the answer is lost, the hook searches for the audience, and takes it if it is
        there; only if it is not, the upload is sent a second time. After a second upload it searches once more, and
        deletes the newer one of two audiences.

        :param upload: The audience, its file and its mapping.
        :param resume: Whether to search for the audience of an interrupted upload at all.
        :param attempts: What is known of earlier attempts to send this upload. Without it, only this call finds its
            own upload again.
        :param options: Options that only some accounts need.
        :param lost_answer_timeout: Seconds for which to search after an answer was lost.
        :param search: Searches for this many seconds; by default,
            :meth:`~airflow_provider_iqm.hooks.upload_recovery.IQMUploadRecoveryHook._search_own_uploads`.
        :param check_duplicates: Whether to search for duplicates here after a second upload; else the caller does it.
        :raises AudienceNameError: The audience's name is too long.
        :raises AudienceOptionError: The connection's version of the API doesn't know one of the options.
        :raises UploadOutcomeUnknownError: IQM may have created the audience or not, and no later try could tell.
        :raises DuplicateAudienceError: IQM has the audience twice, and the newer one can't be deleted.
        """
        options = options or AudienceOptions()
        with final_errors_fail_the_task():
            check_audience_name(upload.name, workspace_host=self.settings.credentials.workspace_host)
            self._iqm.check(options)
            check_timeout(lost_answer_timeout)
        attempts = attempts or UploadAttempts(token=secrets.token_hex(8))
        sending = _Sending(
            upload=upload,
            attempts=attempts,
            options=options,
            resume=resume,
            timeout=lost_answer_timeout,
            search=search or self._search_own_uploads,
        )
        self._tell(upload)
        audience_id = (self._made_before(sending) if resume else None) or self._send_new(sending)
        if check_duplicates and resume:
            audience_id = self._settle_upload(upload.name, attempts, audience_id, timeout=lost_answer_timeout)
        report_audience(self, upload.name, audience_id)
        return audience_id

    def _settle_upload(self, audience_name: str, attempts: UploadAttempts, audience_id: int, *, timeout: float) -> int:
        """
        Search for duplicates of an upload that was sent twice, after a pause; return the id of the one that is kept.

        :param audience_name: The audience's name.
        :param attempts: The attempts to send the upload.
        :param audience_id: The audience that is known.
        :param timeout: The argument ``lost_answer_timeout``.
        :raises DuplicateAudienceError: A newer one can't be deleted, or a campaign uses it.
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
            if attempts.kept:
                raise
            # Nobody else will ever know this audience's id.
            self.log.warning("%s A duplicate of audience %s can't be ruled out.", error, audience_id)
            return audience_id
        attempts.settled(kept)
        return kept

    def _made_before(self, sending: _Sending) -> int | None:
        """Return the audience that an earlier try of this upload has created."""
        attempts, name = sending.attempts, sending.upload.name
        if attempts.audience_id is not None:
            return self._known(sending, attempts.audience_id)
        if not attempts.count:
            return None
        self.log.info('An earlier attempt may have uploaded audience "%s": searching IQM for it', name)
        return self._find_own_upload(sending, sending.timeout)

    def _known(self, sending: _Sending, audience_id: int) -> int | None:
        """Return the audience that an earlier attempt is known to have made, unless it is gone or has failed."""
        attempts = sending.attempts
        own = self._search_own_uploads(sending.own, 0) if attempts.by_search else []
        if all(audience["id"] != audience_id for audience in own):
            known = self._drive(read_known(self._iqm, audience_id))
            known = None if known and is_foreign(known, attempts.token) else known
            failed = known is not None and known["status"] in FAILED_STATUSES
            if known and not failed:
                own.append(known)
            elif not attempts.by_search:
                # The list has to agree: a second upload costs money.
                own = self._search_own_uploads(sending.own, 0)
            if not own:
                attempts.failed() if failed else attempts.gone()
                self.log.warning(
                    "Audience %s of an earlier try %s: uploading the list again",
                    audience_id,
                    f"is {known['status']}" if known else "isn't in IQM any more",
                )
                return None
        audience_id = self._keep_oldest_upload(own)
        attempts.made(audience_id)
        self.log.info('Taking audience %s "%s" of an earlier try', audience_id, sending.upload.name)
        return audience_id

    def _send_new(self, sending: _Sending) -> int:
        """Send an upload; after a lost response, send it again only if IQM has no audience of it."""
        while True:
            result = self._send_once(sending)
            if isinstance(result, int):
                return result
            self.log.warning("%s", result)
            if audience_id := self._find_after_loss(sending, result):
                return audience_id
            self._check_resend(sending, result)
            self.log.warning('IQM has no audience "%s" of this upload: sending it again', sending.upload.name)

    def _send_once(self, sending: _Sending) -> int | IQMError:
        """Send an upload, and return the audience's id, or the error after which IQM may have created it anyway."""
        upload, attempts = sending.upload, sending.attempts
        audience = new_audience(upload, attempts.token if sending.resume else None, sending.options)
        # If this fails, nothing of the audience has been sent.
        call = self._drive(self._iqm.upload(audience))
        count = attempts.count
        try:
            audience_id = self._drive(self._iqm.login.call(call), upload, attempts.in_flight)
        except IQMError as error:
            if attempts.count == count:
                # Nothing was sent, or IQM has refused it.
                raise
            return error
        attempts.made(audience_id)
        self.log.info('IQM created audience %s "%s"', audience_id, upload.name)
        return audience_id

    def _check_resend(self, sending: _Sending, lost: IQMError) -> None:
        """Raise an error unless the upload can be sent again."""
        attempts = sending.attempts
        if attempts.refusal or attempts.sent_here >= MAX_SENT or not sending.resume:
            self._give_up(sending.upload, lost, later_try_can_tell=attempts.kept or says_not_processed(lost))

    def _find_after_loss(self, sending: _Sending, lost: IQMError) -> int | None:
        if not sending.resume:
            return None
        # A wrong proxy or address is no reason to wait; what a later try sends, it searches for first.
        seconds = 0.0 if says_not_processed(lost) else sending.timeout
        self.log.info(
            'IQM may have created audience "%s" all the same: searching for it for up to %.0f s',
            sending.upload.name,
            seconds,
        )
        try:
            return self._find_own_upload(sending, seconds)
        except IQMError:
            if not sending.attempts.kept:
                self._give_up(sending.upload, lost, later_try_can_tell=False)
            raise

    def _find_own_upload(self, sending: _Sending, timeout: float) -> int | None:
        attempts = sending.attempts
        own = sending.search(sending.own, attempts.search_seconds(timeout))
        if not own:
            self.log.info('IQM lists no audience "%s" of this upload', sending.upload.name)
            return None
        audience_id = self._keep_oldest_upload(own)
        attempts.made(audience_id)
        self.log.info('Found audience %s "%s" of this upload; nothing is sent again', audience_id, sending.upload.name)
        return audience_id

    def _tell(self, upload: AudienceUpload) -> None:
        log_list_findings(self.log, upload)
        self.log.info(
            'Uploading matched audience "%s": %s, records: %s, bytes: %s, matched by %s',
            upload.name,
            upload.file.display_name,
            f"{upload.file.records:,}",
            upload.file.size_text,
            upload.mapping.kind.label,
        )

    def _give_up(self, upload: AudienceUpload, error: IQMError, *, later_try_can_tell: bool) -> NoReturn:
        if later_try_can_tell:
            raise error
        with final_errors_fail_the_task():
            raise UploadOutcomeUnknownError(
                f'The answer to the upload of "{upload.name}" was lost, so IQM may have created the audience '
                f"or not: {error} The upload is not sent again, since it may cost money twice. Look for the audience "
                "in IQM; if it is not there, run the upload again.",
            ) from error


def new_audience(upload: AudienceUpload, token: str | None, options: AudienceOptions) -> NewAudience:
    """
    Describe an upload in the words of the API.

    :param upload: The upload.
    :param token: What its file's name is to carry.
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
