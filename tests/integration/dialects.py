"""The paths of IQM's calls, in each version of its API, for faults and counts."""

from __future__ import annotations

from types import SimpleNamespace

CALLS = {
    "classic": SimpleNamespace(
        log_in="/api/v3/ua/login",
        renew="/api/v3/ua/oauth/token",
        upload="/api/v2/audience/matched/add",
        list="/api/v2/audience/list",
        details="/api/v2/audience/matched/",
    ),
    "v3": SimpleNamespace(
        log_in="/api/v3/ua/oauth/token",
        renew="/api/v3/ua/oauth/token",
        upload="/api/v3/audience/matched",
        list="/api/v3/audience/list",
        details="/api/v3/audience/matched/",
        static="/api/v3/audience/static/",
    ),
}
