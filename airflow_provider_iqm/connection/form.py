"""
The fields of a connection of the type ``iqm``, as people see them.

Airflow's form, the errors about a connection and the table in the documentation all take their words from here. The
module imports nothing else of this package, since every process of Airflow reads it when it looks for providers.
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
"""What IQM takes from an account (quickstart, "Best Practices")."""

DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_READ_TIMEOUT = 60.0
DEFAULT_REQUEST_TIMEOUT = 120.0
DEFAULT_UPLOAD_TIMEOUT = 900.0


@dataclass(frozen=True, kw_only=True)
class FormField:
    """
    A field of the form.

    :param name: Its name in Airflow: an attribute of the connection, or a key of its extra.
    :param label: Its name in the form.
    :param help: What to fill in; ends without a full stop.
    :param default: What counts where it is left empty; None where nothing does.
    :param type: The type of its value, by the names of JSON schema.
    :param choices: The only values that it may have.
    :param needed: Whether a connection can't do without it.
    :param secret: Whether nobody may see it.
    :param section: The part of the form that it stands in, where that isn't the first.
    :param standard: Whether every connection of Airflow has it; the others are in the extra.
    """

    name: str
    label: str
    help: str
    default: str | float | None = None
    type: Literal["string", "number", "integer"] = "string"
    choices: tuple[str, ...] = ()
    needed: bool = False
    secret: bool = False
    section: str | None = None
    standard: bool = False

    def __str__(self) -> str:
        """Return the label, and in brackets what a connection in JSON calls it."""
        return f"{self.label} ({'' if self.standard else 'extra: '}{self.name})"

    @property
    def placeholder(self) -> str:
        """The default, as the form shows it."""
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default or "")

    @property
    def description(self) -> str:
        """The help, with the default."""
        return f"{self.help}. Default: {self.placeholder}." if self.placeholder else f"{self.help}."


_RATE_LIMIT = "Rate limit"
_TIMEOUTS = "Timeouts"

_ALL = (
    FormField(name="host", label="API host", help="The API's address", default=DEFAULT_HOST, standard=True),
    FormField(name="login", label="Email", help="The email of the IQM user", needed=True, standard=True),
    FormField(name="password", label="Password", help="The user's password", needed=True, secret=True, standard=True),
    FormField(
        name="client_id", label="Client ID", help="The id of the API client, which IQM gives on request", needed=True
    ),
    FormField(name="client_secret", label="Client secret", help="The API client's secret", needed=True, secret=True),
    FormField(
        name="workspace_host",
        label="Workspace host",
        help="The host of your IQM workspace, as in the browser's address bar",
        default=DEFAULT_WORKSPACE_HOST,
    ),
    FormField(
        name="api_version",
        label="API version",
        help="The version of IQM's API that the account speaks",
        default="classic",
        choices=("classic", "v3"),
    ),
    FormField(
        name="ow_id",
        label="Organization workspace ID",
        help="Leave it empty, unless the log-in returns another workspace than the one to use",
    ),
    FormField(
        name="requests_per_minute",
        label="Requests per minute",
        help="The account's limit, which counts for tasks that are not in the pool",
        default=DEFAULT_REQUESTS_PER_MINUTE,
        type="integer",
        section=_RATE_LIMIT,
    ),
    FormField(
        name="rate_limit_pool",
        label="Rate limit pool",
        help="The Airflow pool in which one slot is one request a minute",
        default=DEFAULT_RATE_LIMIT_POOL,
        section=_RATE_LIMIT,
    ),
    FormField(
        name="rate_limit_window",
        label="Rate limit window",
        help="The length of the limit's minute in seconds; change it for tests only",
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
        help="Seconds without a byte after which a request fails",
        default=DEFAULT_READ_TIMEOUT,
        type="number",
        section=_TIMEOUTS,
    ),
    FormField(
        name="request_timeout",
        label="Request timeout",
        help="Seconds for a whole request; for an upload, from the end of the file until IQM has answered",
        default=DEFAULT_REQUEST_TIMEOUT,
        type="number",
        section=_TIMEOUTS,
    ),
    FormField(
        name="upload_timeout",
        label="Upload timeout",
        help="Seconds without progress after which an upload fails",
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
    """Return what the form makes of the fields that every connection has, as a hook tells it to Airflow 2."""
    return {
        # A port and a scheme may stand in the host. The extra stays in sight: rarer settings go there.
        "hidden_fields": ["port", "schema"],
        "relabeling": {field.name: field.label for field in _STANDARD},
        "placeholders": {**_placeholders(_ALL), "login": "you@example.com"},
    }


def provider_field_behaviour() -> dict[str, Any]:
    """Return the same as provider metadata tell it to Airflow 3, where other fields have no placeholders."""
    behaviour = field_behaviour()
    return {
        "hidden-fields": behaviour["hidden_fields"],
        "relabeling": behaviour["relabeling"],
        "placeholders": {**_placeholders(_STANDARD), "login": behaviour["placeholders"]["login"]},
    }


def conn_fields() -> dict[str, Any]:
    """Return the form's other fields, as provider metadata tell them to Airflow 3 (``conn-fields``)."""
    return {
        field.name: {"label": field.label, "description": field.description, "schema": _schema(field)}
        for field in _EXTRA
    }


def form_widgets() -> dict[str, Any]:
    """Return the form's other fields as the WTForms widgets that Airflow 2 takes."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import Optional, any_of

    widgets = {}
    for field in _EXTRA:
        # There is no field for numbers with a fraction, so that they are checked when they are read.
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
    # A default in the schema would be saved with each connection; what is empty follows the default of the release.
    schema: dict[str, Any] = {"type": [field.type, "null"]}
    if field.secret:
        schema["format"] = "password"
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.section:
        schema["section"] = field.section
    return schema
