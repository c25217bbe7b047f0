"""Faults that an admin call or a test has ordered, and which of them hits a request."""

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
    A fault that is ordered.

    ``status`` answers in place of the work, ``status_after_work`` does the work and then answers something else;
    ``status_before_work`` answers 504 as an impatient gateway does, and the audience exists only ``seconds`` later,
    ``html`` is ``status`` with a proxy's 502 page. ``drop_before``, ``drop_mid_body`` and ``drop_after`` close the
    connection without an answer: before the request is looked at, after part of its body, after the work. ``slow``
    does the work and answers late, ``hang`` and ``hang_after_work`` never answer, ``truncate`` does the work and
    breaks off in the middle of the answer's body.

    :param kind: what happens.
    :param method: HTTP method of the requests it hits; None for any.
    :param path: their path; ``*``, ``?`` and ``[…]`` stand for characters as in a file pattern, ``*`` also for ``/``.
    :param times: how many requests it hits; None for all.
    :param skip: how many matching requests pass first.
    :param status: status of the answer.
    :param body: body of the answer: a text as it stands, anything else as JSON; None for a fitting one.
    :param headers: more headers of the answer, such as ``Retry-After``.
    :param seconds: how late ``slow`` answers, and how long ``status_before_work`` goes on with an upload.
    :param after_bytes: how much of the body ``drop_mid_body`` reads; None for half of it.
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
        Return whether the fault is meant for a request.

        :param method: the request's HTTP method.
        :param path: the request's path.
        """
        return self.method in {None, method} and fnmatchcase(path, self.path)


class FaultList:
    """The faults that are ordered and not used up, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """
        Order a fault.

        :param fault: what is to happen; its ``skip`` and ``times`` count down while it is here.
        """
        self._faults.append(fault.model_copy())

    def all(self) -> list[Fault]:
        """Return the faults that still wait for a request."""
        return [fault.model_copy() for fault in self._faults]

    def clear(self) -> None:
        """Call off all faults."""
        self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """
        Return the fault that hits a request, if one does.

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
