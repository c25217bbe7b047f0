"""Runs a sandbox in a thread of this process."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any

import uvicorn

from airflow_provider_iqm.sandbox.application import build_application
from airflow_provider_iqm.sandbox.connection import AbortableProtocol
from airflow_provider_iqm.sandbox.control.reports import AudienceReport, CampaignReport, report_all, report_campaigns
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.faults import Fault, FaultKind
from airflow_provider_iqm.sandbox.state.journal import RequestRecord
from airflow_provider_iqm.sandbox.state.state import SandboxState

# Time for pending responses when the sandbox stops, in seconds; other connections are aborted.
_GRACE_SECONDS = 0.5
# Longer than a client's interval between polls: closing idle connections would be an unrequested fault.
_IDLE_SECONDS = 300
_BACKLOG = 512


class _Server(uvicorn.Server):
    """uvicorn's server, which signals when it is ready and doesn't wait for hanging clients."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_GRACE_SECONDS)
        for connection in list(self.server_state.connections):
            if isinstance(connection, AbortableProtocol):
                connection.transport.abort()
        await super().shutdown(sockets=sockets)


class Sandbox:
    """
    A local stand-in for IQM, as a context manager: it listens while the ``with`` block runs.

    .. code-block:: python

        with Sandbox(SandboxSettings(port=0, pending_seconds=0)) as sandbox:
            sandbox.add_fault("drop_after", path="/api/v2/audience/matched/add")
            use(sandbox.url)
            assert len(sandbox.audiences) == 1

    :param settings: settings; None for the defaults on a free port.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.state = SandboxState(settings or SandboxSettings(port=0))
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    def __enter__(self) -> "Sandbox":
        settings = self.state.settings
        if settings.keep_files is not None:
            settings.keep_files.mkdir(parents=True, exist_ok=True)
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._socket = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
        # asyncio sets it only for sockets that it creates; without it, a response waits 40 ms for the client's ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            build_application(self.state),
            http=AbortableProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="iqm-sandbox", daemon=True)
        self._thread.start()
        self._server.ready.wait()
        if not self._server.started:
            raise RuntimeError("The sandbox didn't start. See its log for the reason.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()

    def _run(self) -> None:
        if self._server is None or self._socket is None:
            raise RuntimeError("The sandbox only runs inside its with block.")
        try:
            self._server.run(sockets=[self._socket])
        finally:
            # Also wakes up __enter__ if the server failed to start.
            self._server.ready.set()
            self._socket.close()

    @property
    def port(self) -> int:
        """Port that the sandbox listens on."""
        return self._port

    @property
    def url(self) -> str:
        """URL, for the host of an Airflow connection."""
        host = self.state.settings.host
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def settings(self) -> SandboxSettings:
        """Current settings."""
        return self.state.settings

    def change_settings(self, **changes: Any) -> None:
        """
        Change settings. Takes effect at once, for existing audiences as well.

        :param changes: new values by name.
        """
        self.state.settings = self.state.settings.changed(changes)

    @property
    def requests(self) -> list[RequestRecord]:
        """API requests so far, oldest first, without admin calls."""
        return self.state.journal.all()

    @property
    def audiences(self) -> list[AudienceReport]:
        """All audiences, oldest first, including deleted ones."""
        return report_all(self.state)

    @property
    def campaigns(self) -> list[CampaignReport]:
        """All campaigns with their targeting history, oldest first, including deleted ones."""
        return report_campaigns(self.state)

    def add_campaign(self, name: str = "Campaign", **facts: Any) -> int:
        """
        Create a campaign, and return its id.

        :param name: name of the campaign.
        :param facts: ``status``, ``pg``, ``included`` and ``excluded``.
        """
        return self.state.campaigns.add(name, **facts).campaign_id

    def add_fault(self, kind: FaultKind, **details: Any) -> None:
        """
        Inject a fault.

        :param kind: kind of fault.
        :param details: other fields of ``Fault``: ``method``, ``path``, ``times``, ``skip``, …
        """
        self.state.faults.add(Fault(kind=kind, **details))

    @property
    def faults(self) -> list[Fault]:
        """Faults that haven't been used up."""
        return self.state.faults.all()

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.state.faults.clear()

    def advance(self, seconds: float) -> None:
        """
        Advance the sandbox's clock, which audiences, tokens and the rate limit use.

        :param seconds: number of seconds.
        """
        self.state.clock.advance(seconds)

    def expire_tokens(self, *, refresh_too: bool = False) -> None:
        """
        Expire all access tokens.

        :param refresh_too: whether to expire refresh tokens as well.
        """
        self.state.tokens.expire(refresh_too=refresh_too)

    def reset(self) -> None:
        """Reset to the initial settings, without audiences, campaigns, tokens, faults or requests."""
        self.state.reset()
