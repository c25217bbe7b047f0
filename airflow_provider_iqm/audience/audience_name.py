"""Which names an audience can have."""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_iqm.exceptions import AudienceNameError
from airflow_provider_iqm.wording import is_unicode

MAX_NAME = 255
"""The most characters of a name that IQM takes (reference, "Create matched audience")."""

MAX_URI = 1500
"""The most characters of an asset's URI that Airflow takes."""

DEFAULT_WORKSPACE_HOST = "app.iqm.com"


def check_audience_name(audience_name: object, *, workspace_host: str = DEFAULT_WORKSPACE_HOST) -> str:
    """
    Check an audience's name before anything is uploaded, and return it without the blanks around it.

    :param audience_name: The name.
    :param workspace_host: The workspace's host, which is part of the URI of the audience's asset.
    :raises AudienceNameError: where the name is blank, too long for IQM, or too long for Airflow's asset.
    """
    if not isinstance(audience_name, str) or not audience_name.strip():
        raise AudienceNameError("audience_name is empty: IQM needs a name for the audience.")
    if not is_unicode(audience_name):
        raise AudienceNameError(
            f"audience_name is {audience_name!r}, which isn't valid Unicode: it has half of a surrogate pair. "
            "Correct it where it comes from."
        )
    name = audience_name.strip()
    if len(name) > MAX_NAME:
        raise AudienceNameError(
            f"audience_name has {len(name):,} characters, and IQM takes {MAX_NAME} at most. Shorten it."
        )
    length = len(f"iqm://{workspace_host}/{quote(name, safe='')}")
    if length > MAX_URI:
        raise AudienceNameError(
            f"audience_name makes an asset URI of {length:,} characters, and Airflow takes {MAX_URI:,} at most. The "
            f"name has {len(name)} characters; in a URI, a letter outside of ASCII takes 6 to 12. Shorten it."
        )
    return name
