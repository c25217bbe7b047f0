"""OpenLineage facets of the datasets created from a list: audiences and file parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from openlineage.client.event_v2 import OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    column_lineage_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.lineage.source import LineageSource


def output_dataset(
    namespace: str,
    name: str,
    *,
    fields: Mapping[str, str],
    source: LineageSource,
    cleaning: Cleaning,
    version: int | None = None,
    records: int | None = None,
    size: int | None = None,
) -> OutputDataset:
    """
    Describe a dataset that was created from a list.

    :param namespace: The dataset's namespace.
    :param name: The dataset's name.
    :param fields: Column of the list → field of the dataset.
    :param source: The source of the list.
    :param cleaning: The cleaning of the list.
    :param version: The dataset's version.
    :param records: The number of records.
    :param size: The size in bytes.
    """
    schema = [schema_dataset.SchemaDatasetFacetFields(name=field) for field in fields.values()]
    facets: dict[str, DatasetFacet] = {"schema": schema_dataset.SchemaDatasetFacet(fields=schema)}
    if lineage := _column_lineage(fields, source, cleaning):
        facets["columnLineage"] = lineage
    if version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(version))
    dataset = OutputDataset(namespace=namespace, name=name, facets=facets)
    if records is not None or size is not None:
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=records, size=size)
        dataset.outputFacets = {"outputStatistics": statistics}
    return dataset


def _column_lineage(
    fields: Mapping[str, str], source: LineageSource, cleaning: Cleaning
) -> column_lineage_dataset.ColumnLineageDatasetFacet | None:
    traced = {}
    for column, field in fields.items():
        transformation = _transformation(column, cleaning)
        inputs = [
            column_lineage_dataset.InputField(
                namespace=namespace, name=name, field=origin, transformations=[transformation]
            )
            for namespace, name, origin in source.origins.get(column, ())
        ]
        if inputs:
            traced[field] = column_lineage_dataset.Fields(inputFields=inputs)
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields=traced) if traced else None


def _transformation(column: str, cleaning: Cleaning) -> column_lineage_dataset.Transformation:
    subtype, description, masking = "IDENTITY", "", False
    if algorithm := cleaning.hashes().get(column):
        subtype, description, masking = "TRANSFORMATION", f"normalized and hashed with {algorithm.value}", True
    elif cleaning.normalize:
        subtype, description = "TRANSFORMATION", "normalized"
    return column_lineage_dataset.Transformation(
        type="DIRECT", subtype=subtype, description=description, masking=masking
    )
