"""The admin API under ``/_sandbox``: inspect the sandbox, change settings, inject faults."""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_iqm.sandbox.control.reports import AudienceReport, report, report_all
from airflow_provider_iqm.sandbox.session.access import State
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.audiences import Outcome, UploadedFile
from airflow_provider_iqm.sandbox.state.faults import Fault
from airflow_provider_iqm.sandbox.state.journal import RequestRecord

PREFIX = "/_sandbox"

router = APIRouter(prefix=PREFIX)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AudienceChange(_Order):
    """
    Changes to an audience; fields that aren't set are unchanged.

    :param status: fixed status; null to let it advance with time again.
    :param outcome: final status.
    :param reason: reason for Failed or Rejected.
    :param match_rate: match rate, in percent.
    :param attached: whether a campaign uses the audience.
    """

    status: str | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    match_rate: float | None = Field(default=None, ge=0, le=100)
    attached: bool | None = None


class AudienceOrder(_Order):
    """
    Audiences to create without an upload.

    :param name: prefix of their names, followed by a number from 1.
    :param count: number of audiences.
    """

    name: str = "Audience"
    count: int = Field(default=1, ge=1, le=10_000)


class OutcomeOrder(_Order):
    """
    The outcome of the next uploads.

    :param outcome: final status.
    :param times: number of uploads.
    :param reason: reason for Failed or Rejected.
    """

    outcome: Outcome
    times: int = Field(default=1, ge=1)
    reason: str | None = None


class ExpireOrder(_Order):
    """
    Tokens to expire.

    :param refresh_too: whether to expire refresh tokens as well.
    """

    refresh_too: bool = False


class AdvanceOrder(_Order):
    """
    Advances the sandbox's clock.

    :param seconds: number of seconds.
    """

    seconds: float = Field(ge=0)


@router.post("/reset", status_code=204)
async def reset(state: State) -> None:
    """Reset the sandbox to its initial state."""
    state.reset()


@router.get("/settings")
async def get_settings(state: State) -> SandboxSettings:
    """Return the settings."""
    return state.settings


@router.patch("/settings")
async def patch_settings(changes: dict[str, Any], state: State) -> SandboxSettings:
    """Change settings. Takes effect at once, for existing audiences as well."""
    try:
        state.settings = state.settings.changed(changes)
    except ValueError as wrong:
        raise HTTPException(422, str(wrong)) from wrong
    return state.settings


@router.get("/requests")
async def get_requests(state: State) -> list[RequestRecord]:
    """Return the API requests, oldest first."""
    return state.journal.all()


@router.delete("/requests", status_code=204)
async def clear_requests(state: State) -> None:
    """Clear the request log. The rate limit isn't reset."""
    state.journal.clear()


@router.get("/faults")
async def get_faults(state: State) -> list[Fault]:
    """Return the faults that haven't been used up."""
    return state.faults.all()


@router.post("/faults", status_code=201)
async def add_fault(fault: Fault, state: State) -> Fault:
    """Inject a fault."""
    state.faults.add(fault)
    return fault


@router.delete("/faults", status_code=204)
async def clear_faults(state: State) -> None:
    """Remove all faults."""
    state.faults.clear()


@router.get("/audiences")
async def get_audiences(state: State) -> list[AudienceReport]:
    """Return all audiences, including deleted ones."""
    return report_all(state)


@router.post("/audiences", status_code=201)
async def create_audiences(order: AudienceOrder, state: State) -> list[int]:
    """Create audiences of a made-up list with one record, and return their ids."""
    file = UploadedFile("made-up.csv", size=0, sha256="0" * 64, header=("email",), records=1)
    audiences = [
        state.audiences.add(
            file,
            sent={"columns": '{"email": "Email"}', "columnSettings": '{"Email": "Raw"}', "metadata": "{}"},
            name=f"{order.name} {number}",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            single_column=True,
            metadata={},
            match_rate=state.settings.match_rate,
        )
        for number in range(1, order.count + 1)
    ]
    return [audience.audience_id for audience in audiences]


@router.patch("/audiences/{audience_id}")
async def patch_audience(audience_id: int, change: AudienceChange, state: State) -> AudienceReport:
    """Change one audience."""
    audience = state.audiences.get(audience_id)
    if audience is None:
        raise HTTPException(404, "Audience not found.")
    given = change.model_dump(exclude_unset=True)
    for name in ("outcome", "attached"):
        if name in given and given[name] is None:
            raise HTTPException(422, f"{name} can't be null.")
    for name, value in given.items():
        setattr(audience, name, value)
    return report(audience, state)


@router.post("/outcomes", status_code=204)
async def plan_outcomes(order: OutcomeOrder, state: State) -> None:
    """Set the outcome of the next uploads."""
    state.audiences.plan(order.outcome, order.times, order.reason)


@router.post("/expire-tokens", status_code=204)
async def expire_tokens(order: ExpireOrder, state: State) -> None:
    """Expire all access tokens."""
    state.tokens.expire(refresh_too=order.refresh_too)


@router.post("/advance", status_code=204)
async def advance(order: AdvanceOrder, state: State) -> None:
    """Advance the sandbox's clock, which audiences, tokens and the rate limit use."""
    state.clock.advance(order.seconds)
