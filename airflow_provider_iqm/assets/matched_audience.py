"""The asset that stands for a matched audience: ``iqm://<workspace host>/<audience's name>``."""

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
    Return the asset of a matched audience; on Airflow 2 it is a ``Dataset``.

    The name is what Dags agree on. It need not be the audience's name in IQM, and it stays the same where that one has
    a date in it: an asset is a series of audiences, each of which takes the place of the one before.

    :param audience_name: The name; blanks, slashes and letters of any script are fine.
    :param workspace_host: The workspace's host, without a scheme, as the connection has it.
    :param extra: More about the asset, for Airflow.
    :raises ValueError: where they make no URI of an audience.
    """
    # Airflow has the URI checked too, but Airflow 2 only warns of what is wrong.
    uri = sanitize_uri(urlsplit(f"{audience_namespace(workspace_host.strip())}/{quote(audience_name, safe='')}"))
    return Asset(uri=uri.geturl(), extra=extra)


def audience_namespace(workspace_host: str) -> str:
    """
    Return what the assets of a workspace's audiences begin with, and OpenLineage's name for the workspace.

    :param workspace_host: The workspace's host, without a scheme.
    """
    return f"{SCHEME}://{workspace_host}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Return the one way to write an audience's URI.

    :param uri: The URI, split.
    :raises ValueError: where it is none of an audience.
    """
    if not uri.hostname or "@" in uri.netloc:
        raise _refusal("has no workspace's host, or more than that, behind iqm://")
    if uri.query or uri.fragment:
        raise _refusal("has a query or a fragment; write ? as %3F and # as %23")
    if "/" in uri.path[1:]:
        raise _refusal("has more than a name behind the host; write / as %2F")
    name = audience_name_of(uri)
    if not name:
        raise _refusal("has no audience's name behind the host")
    return uri._replace(netloc=uri.netloc.lower(), path=f"/{quote(name, safe='')}")


def audience_name_of(uri: SplitResult) -> str:
    """
    Return the name in an audience's URI, blanks around it left out.

    :param uri: The URI, split.
    """
    return unquote(uri.path.removeprefix("/"), errors="strict").strip()


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> OpenLineageDataset:  # noqa: ARG001 - Airflow's own form
    """
    Return the dataset that OpenLineage knows of an asset.

    :param asset: The asset.
    :param lineage_context: The hook that works on it; not needed.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    uri = urlsplit(asset.uri)
    return OpenLineageDataset(namespace=audience_namespace(uri.netloc), name=audience_name_of(uri))


def _refusal(problem: str) -> ValueError:
    return ValueError(
        f"The URI of an IQM asset {problem}. It must be like {SCHEME}://{DEFAULT_WORKSPACE_HOST}/Customers; "
        "matched_audience_asset() writes it from a name."
    )
