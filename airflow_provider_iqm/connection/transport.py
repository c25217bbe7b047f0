"""TLS and proxy settings of a connection, for both hooks."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

from airflow_provider_iqm.exceptions import IQMConnectionError

TRANSPORT_EXTRAS = ("verify", "cert", "proxies", "trust_env")
"""The extras for TLS and proxies; ``HttpHook`` turns all others into headers."""


def transport_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the TLS and proxy settings in a connection's extra."""
    return {key: extra[key] for key in TRANSPORT_EXTRAS if key in extra}


def check_transport(extra: Mapping[str, Any], name: str) -> None:
    """
    Check the TLS and proxy settings in a connection's extra.

    :param extra: The extra.
    :param name: The connection's name, for messages.
    :raises IQMConnectionError: A value is invalid. The message doesn't show it, since a proxy's may contain a password.
    """
    given = {key: value for key, value in transport_extra(extra).items() if value not in (None, "")}
    if not isinstance(given.get("verify", True), bool | str):
        raise _invalid(name, "verify", "true, false, or the path of a certificate file")
    cert = given.get("cert", "")
    pair = isinstance(cert, list | tuple) and len(cert) == 2 and all(isinstance(path, str) for path in cert)
    if not isinstance(cert, str) and not pair:
        raise _invalid(name, "cert", "the path of a certificate, or a list of the paths of the certificate and its key")
    proxies = given.get("proxies", {})
    if not isinstance(proxies, Mapping) or not all(map(_is_proxy, proxies.values())):
        raise _invalid(name, "proxies", 'a JSON object such as {"https": "http://proxy.example:3128"}')


def proxy_passwords(extra: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the passwords in the proxy URLs, both URL-encoded and decoded.

    :param extra: The connection's extra, checked.
    """
    addresses = [urlsplit(_with_scheme(address)) for address in (extra.get("proxies") or {}).values() if address]
    passwords = [parts.password for parts in addresses if parts.password]
    return tuple(dict.fromkeys([*passwords, *map(unquote, passwords)]))


def _is_proxy(address: object) -> bool:
    if not address:
        return True
    if not isinstance(address, str) or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(_with_scheme(address))
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        # Basic authentication sends them in Latin-1, separated by a colon.
        f"{user}{password}".encode("latin-1")
        return bool(parts.hostname) and parts.port != 0 and ":" not in user
    except ValueError:
        return False


def effective_proxy(base_url: str, extra: Mapping[str, Any]) -> str | None:
    """
    Return the URL of the proxy for requests: the connection's, or the environment's.

    :param base_url: The API's URL.
    :param extra: The extras named in :data:`TRANSPORT_EXTRAS`.
    :raises IQMConnectionError: The URL is invalid. The message doesn't show it, since it may contain a password.
    """
    proxy = select_proxy(base_url, _merged(base_url, extra)["proxies"]) or None
    if not _is_proxy(proxy):
        raise IQMConnectionError(
            'The proxy URL is invalid. Correct it in the extra "proxies" of the connection, or in the worker\'s '
            "environment (HTTPS_PROXY). Encode special characters in its user and password as %XX."
        )
    return proxy


def explicit_verify(extra: Mapping[str, Any]) -> bool | str | None:
    """
    Return the connection's own ``verify``, which the environment (``REQUESTS_CA_BUNDLE``) must not override.

    :param extra: The extras named in :data:`TRANSPORT_EXTRAS`.
    :return: None if the connection uses the default.
    """
    verify: bool | str = extra.get("verify", True)
    return None if verify in (None, "", True) else verify


def _merged(base_url: str, extra: Mapping[str, Any]) -> Any:
    """Merge a connection's extra with the environment as ``requests`` does."""
    with requests.Session() as session:
        session.cert = extra.get("cert")
        session.proxies = extra.get("proxies") or {}
        session.trust_env = extra.get("trust_env", True)
        # aiohttp's own trust_env would send the host's entry in ~/.netrc instead of the bearer token.
        return session.merge_environment_settings(base_url, {}, None, explicit_verify(extra), None)


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"http://{address}"


def _invalid(name: str, key: str, expected: str) -> IQMConnectionError:
    return IQMConnectionError(f'{name}: the extra "{key}" is invalid. It must be {expected}.')


@dataclass(frozen=True)
class Transport:
    """
    TLS and proxy settings in aiohttp's terms.

    :param tls: The TLS context; ``True`` without TLS.
    :param proxy: The URL of the proxy; None without one.
    """

    tls: ssl.SSLContext | bool
    proxy: str | None

    @classmethod
    def read(cls, base_url: str, extra: Mapping[str, Any]) -> Transport:
        """
        Merge a connection's extra with the environment, as ``requests`` does for the sync hook.

        Certificates are read from disk, so call it in a thread.

        :param base_url: The API's URL.
        :param extra: The extras named in :data:`TRANSPORT_EXTRAS`.
        :raises IQMConnectionError: A setting is invalid.
        """
        merged = _merged(base_url, extra)
        proxy = effective_proxy(base_url, extra)
        if proxy:
            proxy = _with_scheme(proxy)
            if not proxy.startswith(("http://", "https://")):
                raise IQMConnectionError(
                    "The proxy to IQM isn't an HTTP proxy, so deferred tasks can't use it. Set an HTTP proxy in the "
                    'extra "proxies" of the connection, or set deferrable=False.'
                )
        tls: ssl.SSLContext | bool = True
        if base_url.startswith("https://"):
            try:
                tls = _tls(merged["verify"], merged["cert"])
            except OSError as error:
                raise certificate_error(error) from error
        return cls(tls, proxy)


def certificate_error(error: OSError) -> IQMConnectionError:
    """
    Return the error for certificates that can't be loaded.

    :param error: The cause.
    """
    return IQMConnectionError(f'Can\'t load the certificates in the connection\'s extras "verify" or "cert": {error}')


def _tls(verify: object, cert: str | Sequence[str] | None) -> ssl.SSLContext:
    # The default of requests: the sensor's first poll and the trigger must trust the same certificates.
    path = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    folder = Path(path).is_dir()
    context = ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context
