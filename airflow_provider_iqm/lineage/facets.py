"""OpenLineage facets of audiences and file parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attr
from openlineage.client.event_v2 import OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    column_lineage_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

if TYPE_CHECKING:
    from airflow_provider_iqm.api.replacement.execution import Replacement
    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.lineage.output import LineageOutput
    from airflow_provider_iqm.lineage.source import LineageSource


@attr.define
class ReplacementDatasetFacet(DatasetFacet):
    """
    The audiences that an audience replaced in campaigns, and the campaigns that use it now.

    :param replacedAudienceIds: The replaced audiences.
    :param deletedAudienceIds: Those of them that were deleted.
    :param includedCampaignIds: The campaigns that include the audience.
    :param excludedCampaignIds: The campaigns that exclude it.
    """

    replacedAudienceIds: list[int]  # noqa: N815 - OpenLineage's spelling
    deletedAudienceIds: list[int]  # noqa: N815
    includedCampaignIds: list[int]  # noqa: N815
    excludedCampaignIds: list[int]  # noqa: N815


def output_dataset(
    namespace: str, name: str, output: LineageOutput, *, columns: Mapping[str, DatasetFacet]
) -> OutputDataset:
    """
    Describe a dataset that a task created or put in place.

    :param namespace: The dataset's namespace.
    :param name: The dataset's name.
    :param output: The output.
    :param columns: The facets of its columns.
    """
    facets = dict(columns)
    if output.version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(output.version))
    if output.replacement is not None:
        facets["iqm_replacement"] = _replacement_facet(output.replacement)
    dataset = OutputDataset(namespace=namespace, name=name, facets=facets)
    if output.records is not None or output.size is not None:
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=output.records, size=output.size
        )
        dataset.outputFacets = {"outputStatistics": statistics}
    return dataset


def column_facets(fields: Mapping[str, str], source: LineageSource, cleaning: Cleaning) -> dict[str, DatasetFacet]:
    """
    Return the facets of the columns of a dataset that was created from a list.

    :param fields: Column of the list → field of the dataset.
    :param source: The source of the list.
    :param cleaning: The cleaning of the list.
    """
    schema = [schema_dataset.SchemaDatasetFacetFields(name=field) for field in fields.values()]
    facets: dict[str, DatasetFacet] = {"schema": schema_dataset.SchemaDatasetFacet(fields=schema)}
    if lineage := _column_lineage(fields, source, cleaning):
        facets["columnLineage"] = lineage
    return facets


def _replacement_facet(done: Replacement) -> ReplacementDatasetFacet:
    return ReplacementDatasetFacet(
        replacedAudienceIds=done["old_audience_ids"],
        deletedAudienceIds=done["deleted"],
        includedCampaignIds=done["included"],
        excludedCampaignIds=done["excluded"],
    )


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
