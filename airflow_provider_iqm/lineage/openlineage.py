"""
OpenLineage metadata of the operators, used if ``apache-airflow-providers-openlineage`` is installed.

Its listener calls these methods when a task ends, in a separate process that can't always read XCom. So tasks keep
their outputs as attributes. OpenLineage is only imported when it is used, to keep Dag parsing fast.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.assets.matched_audience import audience_namespace

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset

    from airflow_provider_iqm.lineage.hook_lineage import ReportingHook
    from airflow_provider_iqm.lineage.output import LineageOutput
    from airflow_provider_iqm.lineage.source import LineageSource


class ListLineage:
    """The lineage of a task that creates datasets from a list."""

    lineage_outputs: Sequence[LineageOutput] = ()
    """The datasets that the task has created so far."""

    @abstractmethod
    def list_arguments(self) -> dict[str, Any]:
        """Return the arguments for the audience, the mapping and the cleaning."""

    @abstractmethod
    def lineage_source(self, columns: Iterable[str]) -> LineageSource:
        """
        Return the source of the list.

        :param columns: The list's columns that are used.
        """

    @abstractmethod
    def lineage_name(self, output: LineageOutput) -> tuple[str, str]:
        """
        Return the namespace and the name of an output.

        :param output: The output.
        """

    def lineage_fields(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """
        Return column of the list → field of the output.

        :param columns: The mapping, file column → system field.
        """
        return columns

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        Return the inputs, the outputs and the column lineage of a task that succeeded.

        :param task_instance: The task instance.
        """
        from airflow.providers.openlineage.extractors import OperatorLineage

        from airflow_provider_iqm.audience.upload import check_arguments
        from airflow_provider_iqm.lineage.facets import column_facets, output_dataset

        cleaning, mapping = check_arguments(**self.list_arguments())
        source = self.lineage_source(mapping.columns)
        columns = column_facets(self.lineage_fields(mapping.columns), source, cleaning)
        outputs = [
            output_dataset(*self.lineage_name(output), output, columns=columns) for output in self.lineage_outputs
        ]
        return OperatorLineage(inputs=self._inputs(source), outputs=outputs, job_facets=dict(source.job_facets))

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        Return the lineage of a task that failed: its outputs so far, or only its inputs.

        :param task_instance: The task instance.
        """
        if self.lineage_outputs:
            return self.get_openlineage_facets_on_complete(task_instance)
        from airflow.providers.openlineage.extractors import OperatorLineage

        # The task may have failed because of the mapping.
        source = self.lineage_source(())
        return OperatorLineage(inputs=self._inputs(source), job_facets=dict(source.job_facets))

    def _inputs(self, source: LineageSource) -> list[InputDataset]:
        """Return the datasets of the list and of its suppression list."""
        path = self.list_arguments()["suppression_path"]
        if path is None:
            return list(source.inputs)
        from airflow_provider_iqm.lineage.file_source import file_source

        return [*source.inputs, *file_source(path, ()).inputs]


class UploadLineage(ListLineage):
    """The lineage of a task that creates an audience."""

    @property
    @abstractmethod
    def hook(self) -> ReportingHook:
        """The hook to IQM."""

    def lineage_name(self, output: LineageOutput) -> tuple[str, str]:
        """Return the workspace and the audience's name."""
        return audience_namespace(self.hook.settings.credentials.workspace_host), output.name


class PreparationLineage(ListLineage):
    """The lineage of a task that writes the parts of a list."""

    def lineage_name(self, output: LineageOutput) -> tuple[str, str]:
        """Return the namespace and the name of a part's file."""
        from airflow_provider_iqm.lineage.file_source import dataset_name

        return dataset_name(output.name)

    def lineage_fields(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """Return the columns of a part, which are those of the list."""
        return {column: column for column in columns}


class ReplacementLineage:
    """The lineage of a task that replaces an audience."""

    lineage_outputs: Sequence[LineageOutput] = ()
    """The audience that the task has put in place."""

    @property
    @abstractmethod
    def hook(self) -> ReportingHook:
        """The hook to IQM."""

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        Return the audience that a task put in place, with what it replaced.

        :param task_instance: The task instance.
        """
        from airflow.providers.openlineage.extractors import OperatorLineage

        from airflow_provider_iqm.lineage.facets import output_dataset

        namespace = audience_namespace(self.hook.settings.credentials.workspace_host)
        outputs = [output_dataset(namespace, output.name, output, columns={}) for output in self.lineage_outputs]
        return OperatorLineage(outputs=outputs)
