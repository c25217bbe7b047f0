"""
Fields of a connection of type ``iqm``: names, labels, help texts and defaults.

Airflow's connection form, connection errors and the table in the documentation use these texts. The module imports
nothing else from this package, because every Airflow process imports it to discover providers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

DEFAULT_HOST = "https://api.iqm.com"
DEFAULT_WORKSPACE_HOST = "app.iqm.com"

DEFAULT_RATE_LIMIT_POOL = "iqm_api"
DEFAULT_RATE_LIMIT_WINDOW = 60.0

DEFAULT_REQUESTS_PER_MINUTE = 20
"""IQM's limit for an account (quickstart, "Best Practices")."""

RATE_LIMIT_SCOPES = ("auto", "host", "shared", "pool")
"""Who shares the account's rate limit: see ``docs/rate-limiting.md``. The first is the default."""

DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_READ_TIMEOUT = 60.0
DEFAULT_REQUEST_TIMEOUT = 120.0
DEFAULT_UPLOAD_TIMEOUT = 900.0


@dataclass(frozen=True, kw_only=True)
class FormField:
    """
    A field of the connection form.

    :param name: Attribute of the Airflow connection, or key of its extra.
    :param label: Label in the form.
    :param help: What to fill in, without a trailing period.
    :param default: Value used if the field is left empty; None if there is none.
    :param type: JSON schema type of the value.
    :param choices: Allowed values; empty for any.
    :param required: Whether the field must be filled in.
    :param secret: Whether the form masks the value.
    :param section: Section of the form; None for the first one.
    :param standard: Whether the field is an attribute of every Airflow connection; otherwise it is a key of the extra.
    """

    name: str
    label: str
    help: str
    default: str | float | None = None
    type: Literal["string", "number", "integer"] = "string"
    choices: tuple[str, ...] = ()
    required: bool = False
    secret: bool = False
    section: str | None = None
    standard: bool = False

    def __str__(self) -> str:
        """Return the label, followed by the name used in JSON."""
        return f"{self.label} ({'' if self.standard else 'extra: '}{self.name})"

    @property
    def placeholder(self) -> str:
        """The default, formatted for the form."""
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default or "")

    @property
    def description(self) -> str:
        """The help text, including the default."""
        return f"{self.help}. Default: {self.placeholder}." if self.placeholder else f"{self.help}."


_RATE_LIMIT = "Rate limit"
_TIMEOUTS = "Timeouts"

_ALL = (
    FormField(name="host", label="API host", help="URL of IQM's API", default=DEFAULT_HOST, standard=True),
    FormField(name="login", label="Email", help="Email address of the IQM user", required=True, standard=True),
    FormField(
        name="password", label="Password", help="Password of the IQM user", required=True, secret=True, standard=True
    ),
    FormField(
        name="client_id", label="Client ID", help="ID of the API client, issued by IQM on request", required=True
    ),
    FormField(name="client_secret", label="Client secret", help="Secret of the API client", required=True, secret=True),
    FormField(
        name="workspace_host",
        label="Workspace host",
        help="Host name of your IQM workspace, as shown in the browser's address bar",
        default=DEFAULT_WORKSPACE_HOST,
    ),
    FormField(
        name="api_version",
        label="API version",
        help="Version of IQM's API that the account uses",
        default="classic",
        choices=("classic", "v3"),
    ),
    FormField(
        name="ow_id",
        label="Organization workspace ID",
        help="Override only if login returns the wrong workspace",
    ),
    FormField(
        name="requests_per_minute",
        label="Requests per minute",
        help="Rate limit of the account",
        default=DEFAULT_REQUESTS_PER_MINUTE,
        type="integer",
        section=_RATE_LIMIT,
    ),
    FormField(
        name="shared_state_conn_id",
        label="Shared state connection ID",
        help="Airflow connection to the Redis or Postgres that shares the rate limit and the token between hosts",
        section=_RATE_LIMIT,
    ),
    FormField(
        name="rate_limit_scope",
        label="Rate limit scope",
        help="What shares the rate limit: all hosts (shared), this host (host), or pool slots (pool)",
        default=RATE_LIMIT_SCOPES[0],
        choices=RATE_LIMIT_SCOPES,
        section=_RATE_LIMIT,
    ),
    FormField(
        name="rate_limit_pool",
        label="Rate limit pool",
        help="Airflow pool of the tasks that use the account; in scope pool, one slot is one request per minute",
        default=DEFAULT_RATE_LIMIT_POOL,
        section=_RATE_LIMIT,
    ),
    FormField(
        name="rate_limit_window",
        label="Rate limit window",
        help="Length of the rate limit window in seconds; change it only in tests",
        default=DEFAULT_RATE_LIMIT_WINDOW,
        type="number",
        section=_RATE_LIMIT,
    ),
    FormField(
        name="connect_timeout",
        label="Connect timeout",
        help="Seconds to wait for a connection",
        default=DEFAULT_CONNECT_TIMEOUT,
        type="number",
        section=_TIMEOUTS,
    ),
    FormField(
        name="read_timeout",
        label="Read timeout",
        help="Seconds without receiving data before a request fails",
        default=DEFAULT_READ_TIMEOUT,
        type="number",
        section=_TIMEOUTS,
    ),
    FormField(
        name="request_timeout",
        label="Request timeout",
        help="Seconds for a whole request; for an upload, counted from the end of the file",
        default=DEFAULT_REQUEST_TIMEOUT,
        type="number",
        section=_TIMEOUTS,
    ),
    FormField(
        name="upload_timeout",
        label="Upload timeout",
        help="Seconds without progress before an upload fails",
        default=DEFAULT_UPLOAD_TIMEOUT,
        type="number",
        section=_TIMEOUTS,
    ),
)

FIELDS = {field.name: field for field in _ALL}
"""All fields by name, in the form's order."""

_STANDARD = [field for field in _ALL if field.standard]
_EXTRA = [field for field in _ALL if not field.standard]


def field_behaviour() -> dict[str, Any]:
    """Return the UI behavior of the standard fields, in Airflow 2's format."""
    return {
        # The host may include a port and a scheme. The extra stays visible for rarer settings.
        "hidden_fields": ["port", "schema"],
        "relabeling": {field.name: field.label for field in _STANDARD},
        "placeholders": {**_placeholders(_ALL), "login": "you@example.com"},
    }


def provider_field_behaviour() -> dict[str, Any]:
    """Return the UI behavior for Airflow 3's provider metadata, which has placeholders for standard fields only."""
    behaviour = field_behaviour()
    return {
        "hidden-fields": behaviour["hidden_fields"],
        "relabeling": behaviour["relabeling"],
        "placeholders": {**_placeholders(_STANDARD), "login": behaviour["placeholders"]["login"]},
    }


def conn_fields() -> dict[str, Any]:
    """Return the extra fields in Airflow 3's provider metadata format (``conn-fields``)."""
    return {
        field.name: {"label": field.label, "description": field.description, "schema": _schema(field)}
        for field in _EXTRA
    }


def form_widgets() -> dict[str, Any]:
    """Return the extra fields as WTForms widgets for Airflow 2."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import Optional, any_of

    widgets = {}
    for field in _EXTRA:
        # WTForms validates integers only; numbers with a fraction are checked when the connection is parsed.
        kind = PasswordField if field.secret else IntegerField if field.type == "integer" else StringField
        widgets[field.name] = kind(
            lazy_gettext(field.label),
            description=field.description,
            validators=[Optional(), *([any_of(list(field.choices))] if field.choices else [])],
            widget=BS3PasswordFieldWidget() if field.secret else BS3TextFieldWidget(),
        )
    return widgets


def _placeholders(fields: Iterable[FormField]) -> dict[str, str]:
    return {field.name: field.placeholder for field in fields if field.placeholder}


def _schema(field: FormField) -> dict[str, Any]:
    # No default in the schema: Airflow would save it with each connection, and it couldn't change in a later release.
    schema: dict[str, Any] = {"type": [field.type, "null"]}
    if field.secret:
        schema["format"] = "password"
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.section:
        schema["section"] = field.section
    return schema
