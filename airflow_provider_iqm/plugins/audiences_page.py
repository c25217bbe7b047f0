"""
The plugin that adds the page "IQM audiences" to Airflow's UI.

Airflow loads plugins in all of its processes, so this module imports nothing heavy. Airflow 2 ignores the plugin: it
has no external views.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_iqm.plugins.static_files import serve_static_files

URL_PREFIX = "/iqm"


class AudiencesPagePlugin(AirflowPlugin):
    """
    The page "IQM audiences" in the menu "Browse" (Airflow 3.1 and later).

    The page is static. Its data comes from Airflow's public API, with the viewer's own permissions.
    """

    name = "iqm_audiences_page"
    fastapi_apps: list[Any] = [{"name": "IQM audiences", "app": serve_static_files, "url_prefix": URL_PREFIX}]  # noqa: RUF012 - as in Airflow
    external_views: list[Any] = [  # noqa: RUF012 - as in Airflow
        {
            "name": "IQM audiences",
            # Relative, because the base URL can have a path.
            "href": f"{URL_PREFIX.strip('/')}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "iqm-audiences",
        }
    ]
