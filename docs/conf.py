"""Sphinx configuration."""

from airflow_provider_iqm import __version__

project = "airflow-provider-iqm"
author = "The airflow-provider-iqm authors"
copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"airflow-provider-iqm {__version__}"
html_static_path = ["static"]
html_css_files = ["doors.css"]
html_theme_options = {
    # The "edit this page" link.
    "source_repository": "https://github.com/airflow-provider-iqm/airflow-provider-iqm/",
    "source_branch": "main",
    "source_directory": "docs/",
}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
