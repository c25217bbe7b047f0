"""Whether a list has changed since its last upload."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_iqm.api.audience import ready_part
from airflow_provider_iqm.exceptions import AudienceNotFoundError, AudienceOptionError
from airflow_provider_iqm.vocabulary import FAILED_STATUSES, AudienceStatus

if TYPE_CHECKING:
    from airflow_provider_iqm.api.audience import AudienceOptions
    from airflow_provider_iqm.assets.history import AudienceHistory, LastUpload
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.connection.settings import IQMConnection
    from airflow_provider_iqm.hooks.iqm import IQMHook
    from airflow_provider_iqm.log import Log

OnUnchanged = Literal["upload", "skip"]


def check_on_unchanged(on_unchanged: str, history: AudienceHistory) -> None:
    """
    Check what is to be done with a list that has not changed.

    :param on_unchanged: The operator's argument.
    :param history: Where the last upload is kept.
    :raises AudienceOptionError: where it can't be done.
    """
    if on_unchanged not in get_args(OnUnchanged):
        raise AudienceOptionError(f'on_unchanged is {on_unchanged!r}. It must be "upload" or "skip".')
    if on_unchanged == "skip":
        history.check_enabled('on_unchanged="skip"')


def upload_fingerprint(upload: AudienceUpload, options: AudienceOptions, account: IQMConnection) -> str:
    """
    Return a fingerprint of all that makes an audience: the list in any order, the mapping, the options, the account.

    The audience's name and the file's are no part of it, since they may have the date in them.

    :param upload: What is ready to go to IQM.
    :param options: What only some accounts need.
    :param account: The connection to IQM: an audience's id means nothing in another workspace.
    """
    credentials = account.credentials
    parts = [
        upload.fingerprint,
        # In their order: IQM matches by the first key field.
        list(upload.mapping.columns.items()),
        upload.mapping.settings,
        asdict(options),
        [account.base_url, credentials.workspace_host, credentials.ow_id],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def find_unchanged_upload(
    history: AudienceHistory, fingerprint: str, *, hook: IQMHook, run_id: str, log: Log
) -> LastUpload | None:
    """
    Return the last upload, if it was of the same list, and IQM has its audience; else ``None``.

    Of an audience that was ready nothing is asked. Of another one IQM is asked once.

    :param history: What is known of it.
    :param fingerprint: The list's fingerprint.
    :param hook: The hook to IQM.
    :param run_id: The run of the task; it has news of an audience that it is the first to find ready.
    :param log: Where the reason is told.
    """
    last = history.last_upload()
    if last is None:
        log.info("No previous upload to compare with")
        return None
    label = f'audience {last.audience_id} "{last.audience_name}"'
    if last.fingerprint != fingerprint:
        log.info("The list, its mapping or its options have changed since %s", label)
        return None
    if last.audience:
        log.info("The list hasn't changed since %s, which is Ready; nothing to upload", label)
        return last
    try:
        audience = hook.get_matched_audience(last.audience_id)
    except AudienceNotFoundError:
        log.warning("The list hasn't changed since %s, which IQM no longer has; uploading again", label)
        return None
    status = audience["status"]
    if status in FAILED_STATUSES:
        log.warning("The list hasn't changed since %s, which is %s; uploading again", label, status)
        return None
    log.info("The list hasn't changed since %s, which is %s; not uploading again", label, status)
    return replace(last, audience=ready_part(audience), run_id=run_id) if status == AudienceStatus.READY else last
