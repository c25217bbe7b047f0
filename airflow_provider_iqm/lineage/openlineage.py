"""
What the operators tell OpenLineage, if ``apache-airflow-providers-openlineage`` is installed.

Its listener calls these methods when a task has ended, in a process of its own, where XCom can't always be asked. So a
task keeps what it has made. OpenLineage is imported when it calls, not when a Dag is parsed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.assets.matched_audience import audience_namespace

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_iqm.lineage.hook_lineage import ReportingHook
    from airflow_provider_iqm.lineage.source import LineageSource


@dataclass(frozen=True, kw_only=True)
class LineageOutput:
    """
    Something that a task has made of a list.

    :param name: The audience's name, or the part's path or URL.
    :param version: The audience's id.
    :param records: How many records it has.
    :param size: How many bytes were sent or written.
    """

    name: str
    version: int | None = None
    records: int | None = None
    size: int | None = None


class ListLineage:
    """The lineage of a task that makes something of a list."""

    lineage_outputs: Sequence[LineageOutput] = ()
    """What it has made, as far as it has come."""

    @abstractmethod
    def list_arguments(self) -> dict[str, Any]:
        """Give the arguments that say what the list is to become."""

    @abstractmethod
    def lineage_source(self, columns: Iterable[str]) -> LineageSource:
        """
        Tell where the list comes from.

        :param columns: Those of its columns that are used.
        """

    @abstractmethod
    def lineage_name(self, made: LineageOutput) -> tuple[str, str]:
        """
        Give the namespace and the name of what was made.

        :param made: What was made.
        """

    def lineage_fields(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """
        Give the fields of what was made, by the list's columns.

        :param columns: The mapping, file column → system field.
        """
        return columns

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        Tell OpenLineage what was made of what, column by column.

        :param task_instance: The task's instance.
        """
        from airflow.providers.openlineage.extractors import OperatorLineage

        from airflow_provider_iqm.audience.upload import check_arguments
        from airflow_provider_iqm.lineage.facets import output_dataset

        cleaning, mapping = check_arguments(**self.list_arguments())
        source = self.lineage_source(mapping.columns)
        outputs = [
            output_dataset(
                *self.lineage_name(made),
                fields=self.lineage_fields(mapping.columns),
                source=source,
                cleaning=cleaning,
                version=made.version,
                records=made.records,
                size=made.size,
            )
            for made in self.lineage_outputs
        ]
        return OperatorLineage(inputs=list(source.inputs), outputs=outputs, job_facets=dict(source.job_facets))

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        Tell OpenLineage of a task that failed: what it has made until then, or at least what it was to work on.

        :param task_instance: The task's instance.
        """
        if self.lineage_outputs:
            return self.get_openlineage_facets_on_complete(task_instance)
        from airflow.providers.openlineage.extractors import OperatorLineage

        # The mapping may be what it has failed for.
        source = self.lineage_source(())
        return OperatorLineage(inputs=list(source.inputs), job_facets=dict(source.job_facets))


class UploadLineage(ListLineage):
    """The lineage of a task that makes an audience."""

    @property
    @abstractmethod
    def hook(self) -> ReportingHook:
        """The hook to IQM."""

    def lineage_name(self, made: LineageOutput) -> tuple[str, str]:
        """Give the workspace, and the audience's name."""
        return audience_namespace(self.hook.settings.credentials.workspace_host), made.name


class PreparationLineage(ListLineage):
    """The lineage of a task that writes the parts of a list."""

    def lineage_name(self, made: LineageOutput) -> tuple[str, str]:
        """Name a part as any file."""
        from airflow_provider_iqm.lineage.file_source import dataset_name

        return dataset_name(made.name)

    def lineage_fields(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """Give a part's columns, which are the list's."""
        return {column: column for column in columns}
