"""The asset of a matched audience: ``iqm://<workspace host>/<audience name>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_iqm.connection.form import DEFAULT_WORKSPACE_HOST

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

SCHEME = "iqm"


def matched_audience_asset(
    audience_name: str, *, workspace_host: str = DEFAULT_WORKSPACE_HOST, extra: dict[str, Any] | None = None
) -> Asset:
    """
    Return the asset of a matched audience; on Airflow 2, a ``Dataset``.

    An asset is a series of audiences, each of which replaces the previous one. So its name doesn't have to be the
    audience's name in IQM, and it stays the same if that name contains a date.

    :param audience_name: The name; spaces, slashes and any Unicode letters are allowed.
    :param workspace_host: The workspace host without a scheme, as in the connection.
    :param extra: The asset's ``extra``.
    :raises ValueError: The arguments don't result in a valid URI.
    """
    # Airflow checks the URI too, but Airflow 2 only logs a warning.
    uri = sanitize_uri(urlsplit(f"{audience_namespace(workspace_host.strip())}/{quote(audience_name, safe='')}"))
    return Asset(uri=uri.geturl(), extra=extra)


def audience_namespace(workspace_host: str) -> str:
    """
    Return the OpenLineage namespace of a workspace, which is also the prefix of its asset URIs.

    :param workspace_host: The workspace host without a scheme.
    """
    return f"{SCHEME}://{workspace_host}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Return the canonical form of an audience's URI.

    :param uri: The URI, split.
    :raises ValueError: The URI isn't a valid URI of an audience.
    """
    if not uri.hostname or "@" in uri.netloc:
        raise _invalid_uri("needs a workspace host, without credentials, after iqm://")
    if uri.query or uri.fragment:
        raise _invalid_uri("has a query or a fragment; write ? as %3F and # as %23")
    if "/" in uri.path[1:]:
        raise _invalid_uri("has more than one path segment; write / as %2F")
    name = audience_name_of(uri)
    if not name:
        raise _invalid_uri("has no audience name after the host")
    return uri._replace(netloc=uri.netloc.lower(), path=f"/{quote(name, safe='')}")


def audience_name_of(uri: SplitResult) -> str:
    """
    Return the name in an audience's URI, stripped of surrounding spaces.

    :param uri: The URI, split.
    """
    return unquote(uri.path.removeprefix("/"), errors="strict").strip()


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> OpenLineageDataset:  # noqa: ARG001 - Airflow's signature
    """
    Convert an asset to an OpenLineage dataset.

    :param asset: The asset.
    :param lineage_context: The hook that reported the asset; unused.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    uri = urlsplit(asset.uri)
    return OpenLineageDataset(namespace=audience_namespace(uri.netloc), name=audience_name_of(uri))


def _invalid_uri(problem: str) -> ValueError:
    return ValueError(
        f"The URI of an IQM asset {problem}. Expected a URI such as {SCHEME}://{DEFAULT_WORKSPACE_HOST}/Customers; "
        "matched_audience_asset() creates one from a name."
    )
