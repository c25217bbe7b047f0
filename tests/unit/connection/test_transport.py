from __future__ import annotations

import ssl

import pytest

from airflow_provider_iqm.connection.transport import Transport, transport_extra
from airflow_provider_iqm.exceptions import IQMConnectionError

API = "https://api.iqm.com"
PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_only_transport_extras_are_used():
    assert transport_extra({"verify": False, "client_secret": "x", "proxies": {}}) == {"verify": False, "proxies": {}}


def test_certificates_are_checked_by_default():
    transport = Transport.read(API, {})
    assert transport.tls.verify_mode is ssl.CERT_REQUIRED
    assert transport.tls.check_hostname
    assert transport.proxy is None


def test_certificate_checks_can_be_disabled():
    assert Transport.read(API, {"verify": False}).tls.verify_mode is ssl.CERT_NONE


def test_custom_ca_bundle(certificate, monkeypatch):
    for transport in (
        Transport.read(API, {"verify": str(certificate.path)}),
        bundle_of_environment(certificate, monkeypatch),
    ):
        (authority,) = transport.tls.get_ca_certs()
        assert "IQM's stand-in" in str(authority["subject"])


def bundle_of_environment(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.path))
    return Transport.read(API, {})


def test_client_certificate(certificate):
    given = [str(certificate.path), str(certificate.key_path)]
    assert isinstance(Transport.read(API, {"cert": given}).tls, ssl.SSLContext)
    with pytest.raises(IQMConnectionError, match="cert"):
        Transport.read(API, {"cert": given[::-1]})


@pytest.mark.parametrize("extra", [{"verify": "/no/such/file"}, {"cert": "/no/such/file"}])
def test_missing_certificate_files(extra):
    with pytest.raises(IQMConnectionError, match="verify"):
        Transport.read(API, extra)


@pytest.mark.parametrize(
    ("extra", "environment", "proxy"),
    [
        ({"proxies": {"https": PROXY}}, {}, PROXY),
        ({"proxies": {"https": "proxy.example:3128"}}, {}, PROXY),
        ({"proxies": {"http": PROXY}}, {}, None),
        ({}, {"HTTPS_PROXY": PROXY}, PROXY),
        ({}, {"HTTPS_PROXY": PROXY, "NO_PROXY": "iqm.com"}, None),
        ({"trust_env": False}, {"HTTPS_PROXY": PROXY}, None),
    ],
)
def test_proxies(extra, environment, proxy, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Transport.read(API, extra).proxy == proxy


def test_unsupported_proxy():
    with pytest.raises(IQMConnectionError, match="deferrable=False"):
        Transport.read(API, {"proxies": {"https": "socks5://user:secret@proxy.example"}})
