"""Checks the name of an audience."""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_iqm.exceptions import AudienceNameError
from airflow_provider_iqm.wording import is_unicode

MAX_NAME = 255
"""IQM's maximum length of a name (reference, "Create matched audience")."""

MAX_URI = 1500
"""Airflow's maximum length of an asset's URI."""

DEFAULT_WORKSPACE_HOST = "app.iqm.com"


def check_audience_name(audience_name: object, *, workspace_host: str = DEFAULT_WORKSPACE_HOST) -> str:
    """
    Check an audience's name, and return it without surrounding spaces.

    :param audience_name: The name.
    :param workspace_host: The workspace's host, which is part of the URI of the audience's asset.
    :raises AudienceNameError: The name is blank, too long for IQM, or too long for Airflow's asset.
    """
    if not isinstance(audience_name, str) or not audience_name.strip():
        raise AudienceNameError("audience_name is empty. Set a name for the audience.")
    if not is_unicode(audience_name):
        raise AudienceNameError(
            f"audience_name is {audience_name!r}, which isn't valid Unicode: it has half of a surrogate pair. "
            "Correct it at its source."
        )
    name = audience_name.strip()
    if len(name) > MAX_NAME:
        raise AudienceNameError(
            f"audience_name has {len(name):,} characters, but IQM allows at most {MAX_NAME}. Shorten it."
        )
    length = len(f"iqm://{workspace_host}/{quote(name, safe='')}")
    if length > MAX_URI:
        raise AudienceNameError(
            f"audience_name results in an asset URI of {length:,} characters, but Airflow allows at most {MAX_URI:,}. "
            f"The name has {len(name)} characters; in a URI, a non-ASCII letter takes 6 to 12. Shorten it."
        )
    return name
