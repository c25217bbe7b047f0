"""What Airflow's metadata database holds of assets."""

from __future__ import annotations

from typing import Any

from airflow.utils.session import create_session
from sqlalchemy import select

try:
    from airflow.models.asset import AssetEvent, AssetModel
except ImportError:
    from airflow.models.dataset import DatasetEvent as AssetEvent
    from airflow.models.dataset import DatasetModel as AssetModel


def asset_events(uri: str) -> list[dict[str, Any]]:
    """Return what the events of an asset say, the oldest first."""
    column = "asset_id" if hasattr(AssetEvent, "asset_id") else "dataset_id"
    query = (
        select(AssetEvent)
        .join(AssetModel, getattr(AssetEvent, column) == AssetModel.id)
        .where(AssetModel.uri == uri)
        .order_by(AssetEvent.id)
    )
    with create_session() as session:
        return [dict(event.extra) for event in session.scalars(query)]
