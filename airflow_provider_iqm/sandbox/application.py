"""The ASGI application: API calls with their middleware, and the admin API."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_iqm.sandbox import v3
from airflow_provider_iqm.sandbox.answers import Problem, RefusedError, error
from airflow_provider_iqm.sandbox.classic import calls
from airflow_provider_iqm.sandbox.control import admin, campaign_admin
from airflow_provider_iqm.sandbox.control.gate import FaultMiddleware, RateLimitMiddleware
from airflow_provider_iqm.sandbox.session import login
from airflow_provider_iqm.sandbox.state.journal import JournalMiddleware
from airflow_provider_iqm.sandbox.state.state import SandboxState
from airflow_provider_iqm.sandbox.v3.bodies import problems_of


def build_application(state: SandboxState) -> ASGIApp:
    """
    Return the whole sandbox as one ASGI application.

    :param state: the sandbox's state.
    """
    iqm = JournalMiddleware(RateLimitMiddleware(FaultMiddleware(_iqm(state), state), state), state.journal)
    own = _fastapi(state)
    own.include_router(admin.router)
    own.include_router(campaign_admin.router)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        is_own = scope["path"] == admin.PREFIX or scope["path"].startswith(f"{admin.PREFIX}/")
        await (own if is_own else iqm)(scope, receive, send)

    return application


def _fastapi(state: SandboxState) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.sandbox = state
    return app


def _iqm(state: SandboxState) -> FastAPI:
    app = _fastapi(state)
    app.include_router(login.router)
    app.include_router(calls.router)
    app.include_router(v3.router)

    @app.exception_handler(RefusedError)
    async def refuse(request: Request, refused: RefusedError) -> Response:
        return error(request.method, request.url.path, refused.status, refused.problems)

    @app.exception_handler(HTTPException)
    async def refuse_call(request: Request, wrong: HTTPException) -> Response:
        return error(request.method, request.url.path, wrong.status_code, [Problem(wrong.detail)])

    @app.exception_handler(RequestValidationError)
    async def refuse_parameters(request: Request, wrong: RequestValidationError) -> Response:
        # Only v3 calls have typed parameters. IQM's OpenAPI file documents 400 for DELETE and 422 for the others.
        status = 400 if request.method == "DELETE" else 422
        return error(request.method, request.url.path, status, problems_of(wrong.errors()))

    @app.exception_handler(ClientDisconnect)
    async def ignore_disconnect(_request: Request, _error: ClientDisconnect) -> Response:
        # Nobody receives this response.
        return Response(status_code=400)

    return app
