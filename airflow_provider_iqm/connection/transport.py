"""How the connection says to reach a server: TLS and proxies, for both hooks."""

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
"""The extras of an HTTP connection that say how to reach a server; ``HttpHook`` makes headers of all others."""


def transport_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a connection's extra says of the way to the server."""
    return {key: extra[key] for key in TRANSPORT_EXTRAS if key in extra}


def check_transport(extra: Mapping[str, Any], name: str) -> None:
    """
    Check what a connection's extra says of the way to the server.

    :param extra: The extra.
    :param name: What the connection is called.
    :raises IQMConnectionError: A value can't be used. The message doesn't show it: a proxy's may hold a password.
    """
    given = {key: value for key, value in transport_extra(extra).items() if value not in (None, "")}
    if not isinstance(given.get("verify", True), bool | str):
        raise _unusable(name, "verify", "true, false, or the path of a file of certificates")
    cert = given.get("cert", "")
    pair = isinstance(cert, list | tuple) and len(cert) == 2 and all(isinstance(path, str) for path in cert)
    if not isinstance(cert, str) and not pair:
        raise _unusable(name, "cert", "the path of a certificate, or a list of that and the path of its key")
    proxies = given.get("proxies", {})
    if not isinstance(proxies, Mapping) or not all(map(_is_proxy, proxies.values())):
        raise _unusable(name, "proxies", 'a JSON object such as {"https": "http://proxy.example:3128"}')


def proxy_passwords(extra: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the passwords in the proxies' addresses, as they are written and as they are sent.

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
        # Basic authentication sends them in Latin-1, with a colon between them.
        f"{user}{password}".encode("latin-1")
        return bool(parts.hostname) and parts.port != 0 and ":" not in user
    except ValueError:
        return False


def effective_proxy(base_url: str, extra: Mapping[str, Any]) -> str | None:
    """
    Return the address of the proxy that requests go by: the connection's, or the environment's.

    :param base_url: The API's address.
    :param extra: The extras named in :data:`TRANSPORT_EXTRAS`.
    :raises IQMConnectionError: It can't be used. The message doesn't show it, since it may hold a password.
    """
    proxy = select_proxy(base_url, _merged(base_url, extra)["proxies"]) or None
    if not _is_proxy(proxy):
        raise IQMConnectionError(
            'The address of the proxy can\'t be used. Correct it in the extra "proxies" of the connection, or in the '
            "worker's environment (HTTPS_PROXY). Characters other than ASCII in its user and password are written as "
            "%XX."
        )
    return proxy


def explicit_verify(extra: Mapping[str, Any]) -> bool | str | None:
    """
    Return the connection's own ``verify``, which the environment (``REQUESTS_CA_BUNDLE``) must not replace.

    :param extra: The extras named in :data:`TRANSPORT_EXTRAS`.
    :return: ``None`` where the connection doesn't ask for anything but the default.
    """
    verify: bool | str = extra.get("verify", True)
    return None if verify in (None, "", True) else verify


def _merged(base_url: str, extra: Mapping[str, Any]) -> Any:
    """Make of a connection's extra, and of the environment, what ``requests`` makes of them."""
    with requests.Session() as session:
        session.cert = extra.get("cert")
        session.proxies = extra.get("proxies") or {}
        session.trust_env = extra.get("trust_env", True)
        # aiohttp's own trust_env would take the host's entry in ~/.netrc instead of the bearer token.
        return session.merge_environment_settings(base_url, {}, None, explicit_verify(extra), None)


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"http://{address}"


def _unusable(name: str, key: str, usable: str) -> IQMConnectionError:
    return IQMConnectionError(f'{name}: the extra "{key}" can\'t be used. It must be {usable}.')


@dataclass(frozen=True)
class Transport:
    """
    The way to the server in the terms of aiohttp.

    :param tls: What TLS connections are checked against; ``True`` where there is no TLS.
    :param proxy: The address of the proxy, if there is one.
    """

    tls: ssl.SSLContext | bool
    proxy: str | None

    @classmethod
    def read(cls, base_url: str, extra: Mapping[str, Any]) -> Transport:
        """
        Make of a connection's extra, and of the environment, what ``requests`` makes of them in the sync hook.

        Certificates are read from disk, so call it in a thread.

        :param base_url: The API's address.
        :param extra: The extras named in :data:`TRANSPORT_EXTRAS`.
        :raises IQMConnectionError: They can't be used.
        """
        merged = _merged(base_url, extra)
        proxy = effective_proxy(base_url, extra)
        if proxy:
            proxy = _with_scheme(proxy)
            if not proxy.startswith(("http://", "https://")):
                raise IQMConnectionError(
                    "The proxy to IQM is none that speaks HTTP, so a deferred wait can't use it. Give another one in "
                    'the extra "proxies" of the connection, or wait with deferrable=False.'
                )
        tls: ssl.SSLContext | bool = True
        if base_url.startswith("https://"):
            try:
                tls = _tls(merged["verify"], merged["cert"])
            except OSError as error:
                raise unusable_certificates(error) from error
        return cls(tls, proxy)


def unusable_certificates(error: OSError) -> IQMConnectionError:
    """
    Return the error for certificates that can't be read.

    :param error: Why not.
    """
    return IQMConnectionError(
        f'The certificates that the connection\'s extras "verify" or "cert" name can\'t be used: {error}'
    )


def _tls(verify: object, cert: str | Sequence[str] | None) -> ssl.SSLContext:
    # What requests trusts unless told otherwise: the sensor's first look and the trigger must not differ.
    path = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    folder = Path(path).is_dir()
    context = ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context
