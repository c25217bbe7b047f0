"""Skips the upload of a list that hasn't changed since the last upload."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container
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
    Check the argument ``on_unchanged``.

    :param on_unchanged: The argument's value.
    :param history: The task's earlier uploads.
    :raises AudienceOptionError: The value is invalid, or the task doesn't store its uploads.
    """
    if on_unchanged not in get_args(OnUnchanged):
        raise AudienceOptionError(f'on_unchanged is {on_unchanged!r}. It must be "upload" or "skip".')
    if on_unchanged == "skip":
        history.check_enabled('on_unchanged="skip"')


def upload_fingerprint(upload: AudienceUpload, options: AudienceOptions, account: IQMConnection) -> str:
    """
    Return a fingerprint of an upload: its records in any order, mapping, options and workspace.

    The names of the audience and the file aren't part of it, since they often contain the date.

    :param upload: The list, ready to upload.
    :param options: The audience's options.
    :param account: The connection to IQM; audience ids are only valid in one workspace.
    """
    credentials = account.credentials
    parts = [
        upload.fingerprint,
        # Order matters: IQM matches by the first key field.
        list(upload.mapping.columns.items()),
        upload.mapping.settings,
        asdict(options),
        [account.base_url, credentials.workspace_host, credentials.ow_id],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def find_unchanged_upload(
    history: AudienceHistory,
    fingerprint: str,
    *,
    own: Container[int] | None = None,
    hook: IQMHook,
    run_id: str,
    log: Log,
) -> LastUpload | None:
    """
    Return the last upload if the list hasn't changed and its audience can be reused; otherwise None.

    An audience that was ready is reused without a request. The status of any other is requested once.

    :param history: The task's earlier uploads.
    :param fingerprint: The list's fingerprint.
    :param own: The audiences that the task may reuse; None for any.
    :param hook: The hook to IQM.
    :param run_id: The current run, which is recorded with an audience that has become ready since.
    :param log: Logs why the list is or isn't uploaded.
    """
    last = history.last_upload()
    if last is None:
        log.info("No previous upload to compare with; uploading")
        return None
    label = f'audience {last.audience_id} "{last.audience_name}"'
    if last.fingerprint != fingerprint:
        log.info("The list, its mapping or its options changed since %s; uploading", label)
        return None
    if own is not None and last.audience_id not in own:
        log.info("Unchanged since %s, but that isn't among the audiences that this task replaces; uploading", label)
        return None
    if last.audience:
        log.info("Unchanged since %s, which is Ready; skipping the upload", label)
        return last
    try:
        audience = hook.get_matched_audience(last.audience_id)
    except AudienceNotFoundError:
        log.warning("Unchanged since %s, but IQM no longer has that audience; uploading again", label)
        return None
    status = audience["status"]
    if status in FAILED_STATUSES:
        log.warning("Unchanged since %s, but that audience is %s; uploading again", label, status)
        return None
    log.info("Unchanged since %s, which is %s; skipping the upload", label, status)
    return replace(last, audience=ready_part(audience), run_id=run_id) if status == AudienceStatus.READY else last
