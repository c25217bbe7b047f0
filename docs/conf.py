"""Sphinx configuration."""

from airflow_provider_iqm import __version__

project = "airflow-provider-iqm"
author = "The airflow-provider-iqm authors"
copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
templates_path = ["templates"]

html_theme = "furo"
html_title = f"airflow-provider-iqm {__version__}"
html_use_index = False
html_domain_indices = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {
    "top_of_page_buttons": ["edit"],
    "source_repository": "https://github.com/airflow-provider-iqm/airflow-provider-iqm/",
    "source_branch": "main",
    "source_directory": "docs/",
}

# Prompts and output aren't copied.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
# Nobody types what programs print.
copybutton_selector = "div:not(.highlight-text) > div.highlight > pre"

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
