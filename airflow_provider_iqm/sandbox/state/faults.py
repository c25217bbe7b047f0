"""Faults injected by tests or the admin API, and the selection of the fault for a request."""

from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal[
    "status",
    "status_after_work",
    "status_before_work",
    "html",
    "drop_before",
    "drop_mid_body",
    "drop_after",
    "slow",
    "hang",
    "hang_after_work",
    "truncate",
]


class Fault(BaseModel):
    """
    An injected fault.

    - ``status``: answer with an error without processing the request; ``html``: the same with a proxy's 502 page.
    - ``status_after_work``: process the request, then answer with an error.
    - ``status_before_work``: answer 504 like a gateway's timeout; the audience exists only ``seconds`` later.
    - ``drop_before``, ``drop_mid_body``, ``drop_after``: close the connection before processing the request, in the
      middle of its body, or after processing it.
    - ``slow``: process the request and answer late.
    - ``hang``, ``hang_after_work``: never answer, without or after processing the request.
    - ``truncate``: process the request, and close the connection in the middle of the response's body.

    :param kind: kind of fault.
    :param method: HTTP method of matching requests; None for any.
    :param path: path of matching requests, a glob pattern in which ``*`` also matches ``/``.
    :param times: number of requests to fail; None for all.
    :param skip: number of matching requests to let pass first.
    :param status: HTTP status of the response.
    :param body: body of the response: a string is sent as it is, anything else as JSON; None for a default.
    :param headers: additional response headers, such as ``Retry-After``.
    :param seconds: delay of ``slow``, or of the audience's creation under ``status_before_work``.
    :param after_bytes: number of bytes that ``drop_mid_body`` reads; None for half of the body.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    method: str | None = None
    path: str = "*"
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    seconds: float = Field(default=1.0, ge=0)
    after_bytes: int | None = Field(default=None, ge=1)

    def matches(self, method: str, path: str) -> bool:
        """
        Return whether the fault applies to a request.

        :param method: the request's HTTP method.
        :param path: the request's path.
        """
        return self.method in {None, method} and fnmatchcase(path, self.path)


class FaultList:
    """Injected faults that haven't been used up, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """
        Add a fault.

        :param fault: the fault; ``skip`` and ``times`` of its copy are counted down.
        """
        self._faults.append(fault.model_copy())

    def all(self) -> list[Fault]:
        """Return the faults that haven't been used up."""
        return [fault.model_copy() for fault in self._faults]

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """
        Return the fault for a request, if there is one.

        :param method: the request's HTTP method.
        :param path: the request's path.
        """
        for fault in self._faults:
            if not fault.matches(method, path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
            return fault
        return None
