"""What can be set about a sandbox."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FIXED_AFTER_START = frozenset({"host", "port", "keep_files"})


class SandboxSettings(BaseModel):
    """
    The settings of a sandbox; all but those in ``FIXED_AFTER_START`` can be changed while it runs.

    :param host: address to listen on. The admin calls ask for no password, so think before you leave loopback.
    :param port: port to listen on; 0 takes any free one.
    :param client_id: first half of the ``Authorization: Basic`` header of a log-in.
    :param client_secret: second half of it.
    :param email: the account's user.
    :param password: the user's password.
    :param workspace_host: what ``X-IAA-HOST`` must say.
    :param ow_id: the workspace id that a log-in returns and ``X-IAA-OW-ID`` must repeat.
    :param requests_per_minute: API calls that the account may make in any ``rate_limit_window`` (quickstart,
        "Best Practices": 20).
    :param rate_limit_window: length of the sliding window, in seconds: a minute, unless a test shortens it.
    :param retry_after: whether a 429 carries ``Retry-After``, in seconds. None is documented, so the default is no.
    :param token_seconds: life of an access token, in seconds (the log-in sample: 35999).
    :param wrap_renewed_token: whether a renewed token comes inside ``data``; both forms have been seen.
    :param login_ow_id: whether a log-in tells ``owId``.
    :param on_hold: whether a log-in is answered with the documented 400 "On Hold".
    :param processing_seconds: how long a new audience stays Processing, in seconds.
    :param pending_seconds: how long it stays Pending after that, in seconds.
    :param match_rate: the share of records that IQM matches of audiences that are made from now on, in per cent; None
        makes one up from the file.
    :param list_delay_seconds: how long a new audience is missing from the list, in seconds.
    :param max_file_bytes: largest file that is taken (quickstart, "Before you begin": 1 GB).
    :param max_records: most records that are taken (same place: 5M).
    :param vertical_id: the vertical that the account is bound to, in v3's calls (31 political, 32 specialization,
        33 healthcare); None for an account that has all columns and data partners.
    :param vertical_required: whether v3's static lists must be asked for with a vertical, as a workspace user must.
    :param id_seed: draws the ids of v3's columns, combinations, data formats and data partners anew; 0 keeps them.
    :param absent_names: columns, data formats and data partners that v3's static lists lack, by name.
    :param column_list_shape: v3's columns with ``name`` and ``displayName`` (reference), or ``key`` and ``label``.
    :param details_shape: v3's details as in the reference, or as in the tutorial: in the older envelope.
    :param list_shape: names in v3's list as in the OpenAPI file's schema, or as in its example where the two differ.
    :param wrap_created: whether v3's upload answers inside ``data``: the OpenAPI file's example does, its schema not.
    :param count_removed_audiences: whether the audiences that a request takes out of a campaign still count towards the
        20 that it can have; which is true of IQM is not documented.
    :param keep_files: folder in which accepted uploads are kept; None keeps nothing.
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
        Return these settings with some of them changed.

        :param changes: new values by name.
        :raises ValueError: where a name is unknown, a value is not valid or a setting is fixed after the start.
        """
        fixed = FIXED_AFTER_START & changes.keys()
        if fixed:
            raise ValueError(f"Can't be changed while the sandbox runs: {', '.join(sorted(fixed))}.")
        return SandboxSettings.model_validate({**self.model_dump(), **changes})
