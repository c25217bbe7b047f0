"""The search for an upload whose response was lost, and for its duplicates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.api.upload_search import OwnUploadSearch, details_or_none, is_of_other_upload, keep_oldest
from airflow_provider_iqm.exceptions import AudienceOptionError, IQMError, IQMFinalError
from airflow_provider_iqm.hooks.base import IQMHttpHook
from airflow_provider_iqm.vocabulary import FAILED_STATUSES

LOST_ANSWER_TIMEOUT = 600.0
"""Seconds to search for an upload whose response was lost before it is sent again."""

MAX_LOST_ANSWER_TIMEOUT = 7 * 24 * 60 * 60.0

FIRST_PAUSE, MAX_PAUSE = 10.0, 60.0
"""The first and the longest pause between two searches, in seconds; pauses double."""

MAX_SETTLING = 120.0
"""Seconds between a second upload and the search for duplicates, so that IQM can list the first one."""


def pauses(seconds: float) -> Iterator[float]:
    """
    Yield the pauses between searches.

    :param seconds: The sum of all pauses.
    """
    pause = FIRST_PAUSE
    while seconds > 0:
        yield min(pause, seconds)
        seconds -= pause
        pause = min(2 * pause, MAX_PAUSE)


def check_timeout(seconds: object) -> None:
    """
    Check the operator's argument ``lost_answer_timeout``.

    :param seconds: Its value.
    :raises AudienceOptionError: The value isn't a valid number of seconds.
    """
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 <= cast("float", seconds) <= MAX_LOST_ANSWER_TIMEOUT:
        raise AudienceOptionError(
            f"lost_answer_timeout is {seconds!r}. It must be a number of seconds from 0 to {MAX_LOST_ANSWER_TIMEOUT:g}."
        )


class IQMUploadRecoveryHook(IQMHttpHook):
    """
    Finds uploads whose response was lost.

    :param iqm_conn_id: The Airflow connection of type ``iqm``.
    """

    def _search_own_uploads(self, search: OwnUploadSearch, seconds: float) -> list[MatchedAudience]:
        """
        Search for the audiences of an upload until one is found or the time is up.

        A search that fails with a server error or a lost connection is repeated.

        :param search: The search.
        :param seconds: Search timeout; 0 searches once.
        :raises IQMError: The last search failed, so it is unknown whether there is an audience.
        """
        failure: IQMError | None = None
        for pause in (0.0, *pauses(seconds)):
            if pause:
                self.log.info('Audience "%s" isn\'t listed yet; searching again in %.0f s', search.audience_name, pause)
                time.sleep(pause)
            try:
                found = self._drive(search.find(self._iqm))
            except IQMFinalError:
                raise
            except IQMError as error:
                self.log.warning("%s", error)
                failure = error
                continue
            if found:
                return found
            failure = None
        if failure:
            raise failure
        return []

    def _keep_oldest_upload(self, audiences: list[MatchedAudience]) -> int:
        """
        Delete all audiences of one upload except for the oldest, and return its id.

        :param audiences: The audiences with the upload's token.
        :raises DuplicateAudienceError: A newer one can't be deleted, or campaigns use it.
        """
        kept = self._drive(keep_oldest(self._iqm, audiences))
        deleted = [audience["id"] for audience in audiences if audience["id"] != kept]
        if deleted:
            self.log.warning(
                'IQM had %s audiences "%s" from this upload: kept the oldest, %s, and deleted %s',
                len(audiences),
                audiences[0]["name"],
                kept,
                ", ".join(map(str, sorted(deleted))),
            )
        return kept

    def _remove_duplicates(
        self, search: OwnUploadSearch, audience_id: int, *, settled_at: float = 0.0, timeout: float = 0.0
    ) -> int:
        """
        Search for all audiences of an upload that was sent twice, keep the oldest, and return its id.

        :param search: The search.
        :param audience_id: The known audience of the upload.
        :param settled_at: The earliest time to search, in seconds since 1970.
        :param timeout: Search timeout (seconds) if not even the known audience is listed.
        :raises DuplicateAudienceError: A newer one can't be deleted, or campaigns use it.
        """
        left = settled_at - time.time()
        if left > 0:
            self.log.info("The upload was sent more than once: searching for duplicates in %.0f s", left)
            time.sleep(left)
        return self._keep_one_upload(self._search_own_uploads(search, timeout), audience_id, search.token)

    def _keep_one_upload(self, found: list[MatchedAudience], audience_id: int, token: str) -> int:
        """
        Keep the oldest of the audiences that a search for duplicates found, and return its id.

        :param found: The audiences of the upload that IQM lists.
        :param audience_id: The known audience of the upload, which may not be listed yet.
        :param token: The upload's token.
        :raises DuplicateAudienceError: A newer one can't be deleted, or campaigns use it.
        """
        own = list(found)
        if all(audience["id"] != audience_id for audience in own):
            known = self._drive(details_or_none(self._iqm, audience_id))
            if known and known["status"] not in FAILED_STATUSES and not is_of_other_upload(known, token):
                own.append(known)
        if not own:
            self.log.warning("IQM doesn't list audience %s yet, so a duplicate of it can't be ruled out", audience_id)
            return audience_id
        kept = self._keep_oldest_upload(own)
        if len(own) == 1:
            self.log.info("IQM has no duplicate of audience %s", kept)
        return kept
