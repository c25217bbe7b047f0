"""Configures the session of ``requests``."""

from __future__ import annotations

from collections.abc import Sequence

import requests

from airflow_provider_iqm.client.answer_limits import AnswerLimitsAdapter


def use_own_authorization(session: requests.Session) -> None:
    """
    Make a session send the ``Authorization`` headers of its requests, and no others.

    Without any auth, requests would send the host's entry in ``~/.netrc`` instead of the bearer token.

    :param session: The session.
    """
    session.auth = _keep_headers


def limit_answers(session: requests.Session, socket_options: Sequence[tuple[int, int, int]]) -> None:
    """
    Make a session enforce the limits of responses.

    :param session: The session.
    :param socket_options: Socket options, such as those for TCP keepalive.
    """
    adapter = AnswerLimitsAdapter(socket_options)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    # requests would read a redirect's whole body, even if it doesn't follow it.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # noqa: ARG005


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
