"""Settings of the sandbox."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FIXED_AFTER_START = frozenset({"host", "port", "keep_files"})


class SandboxSettings(BaseModel):
    """
    Settings of the sandbox. All except ``FIXED_AFTER_START`` can be changed while it runs.

    :param host: address to listen on. The admin API has no authentication, so prefer loopback.
    :param port: port to listen on; 0 for any free port.
    :param client_id: user name of the ``Authorization: Basic`` header of a login.
    :param client_secret: password of that header.
    :param email: email of the user.
    :param password: password of the user.
    :param workspace_host: required value of ``X-IAA-HOST``.
    :param ow_id: workspace id that a login returns, and required value of ``X-IAA-OW-ID``.
    :param requests_per_minute: API calls allowed in any ``rate_limit_window`` (quickstart, "Best Practices": 20).
    :param rate_limit_window: length of the sliding window, in seconds; tests shorten it.
    :param retry_after: whether to send ``Retry-After`` with a 429. Not documented, so off by default.
    :param token_seconds: lifetime of an access token, in seconds (35999 in the documented sample).
    :param wrap_renewed_token: whether a renewed token is inside ``data``; both forms have been seen.
    :param login_ow_id: whether a login returns ``owId``.
    :param on_hold: whether logins are answered with the documented 400 "On Hold".
    :param processing_seconds: how long a new audience stays Processing, in seconds.
    :param pending_seconds: how long it stays Pending after that, in seconds.
    :param match_rate: match rate of audiences created from now on, in percent; None derives it from the file.
    :param list_delay_seconds: how long the list doesn't show a new audience, in seconds.
    :param max_file_bytes: maximum file size (quickstart, "Before you begin": 1 GB).
    :param max_records: maximum number of records (quickstart, "Before you begin": 5M).
    :param vertical_id: v3: vertical of the account (31 political, 32 specialization, 33 healthcare); None for an
        account with all columns and data partners.
    :param vertical_required: v3: whether static lists require a vertical, as for a workspace user.
    :param id_seed: v3: seed for random ids of columns, combinations, data formats and data partners; 0 for fixed ids.
    :param absent_names: v3: names of columns, data formats and data partners that the static lists lack, such as
        ``["NPI_ID", "SHA512"]``.
    :param column_list_shape: v3: columns with ``name`` and ``displayName`` (reference), or ``key`` and ``label``,
        without ``dataFormatIds`` (tutorial).
    :param details_shape: v3: details as in the reference, or as in the tutorial, in the classic envelope
        (``responseObject``).
    :param list_shape: v3: names in the list as in the OpenAPI file's schema or its example, where the two differ:
        the latter has ``uniques``, ``isEditAccess`` and ``isApprovalAccess`` in rows, and an ``error`` object in
        refusals.
    :param wrap_created: v3: whether an upload's response is inside ``data``, as in the OpenAPI file's example, but not
        in its schema.
    :param count_removed_audiences: whether audiences that a request removes from a campaign still count towards its
        maximum of 20; IQM doesn't document it.
    :param keep_files: directory to keep accepted uploads in; None to keep none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - made up, and printed at the start
    email: str = "demo@example.com"
    password: str = "sandbox-password"  # noqa: S105 - made up, and printed at the start
    workspace_host: str = "app.iqm.com"
    ow_id: int = 200001
    requests_per_minute: int = Field(default=20, ge=1)
    rate_limit_window: float = Field(default=60.0, gt=0)
    retry_after: bool = False
    token_seconds: int = Field(default=35999, ge=0)
    wrap_renewed_token: bool = True
    login_ow_id: bool = True
    on_hold: bool = False
    processing_seconds: float = Field(default=5.0, ge=0)
    pending_seconds: float = Field(default=5.0, ge=0)
    match_rate: float | None = Field(default=None, ge=0, le=100)
    list_delay_seconds: float = Field(default=0.0, ge=0)
    max_file_bytes: int = Field(default=1_000_000_000, ge=1)
    max_records: int = Field(default=5_000_000, ge=1)
    vertical_id: Literal[31, 32, 33] | None = None
    vertical_required: bool = False
    id_seed: int = 0
    absent_names: frozenset[str] = frozenset()
    column_list_shape: Literal["reference", "tutorial"] = "reference"
    details_shape: Literal["reference", "tutorial"] = "reference"
    list_shape: Literal["schema", "example"] = "schema"
    wrap_created: bool = True
    count_removed_audiences: bool = True
    keep_files: Path | None = None

    def changed(self, changes: dict[str, Any]) -> "SandboxSettings":
        """
        Return a copy of the settings with changes.

        :param changes: new values by name.
        :raises ValueError: a name is unknown, a value is invalid, or the setting can't be changed after the start.
        """
        fixed = FIXED_AFTER_START & changes.keys()
        if fixed:
            raise ValueError(f"Can't be changed while the sandbox runs: {', '.join(sorted(fixed))}.")
        return SandboxSettings.model_validate({**self.model_dump(), **changes})
