"""What a list is made of, in OpenLineage's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import JobFacet

Origin = tuple[str, str, str]
"""A column: the namespace and the name of its dataset, and its own name."""


@dataclass(frozen=True)
class LineageSource:
    """
    The datasets that a list is made of.

    :param inputs: The datasets.
    :param origins: The list's column → the columns that it is made of; columns that can't be traced are left out.
    :param job_facets: What else is to be said of how it is made.
    """

    inputs: Sequence[InputDataset] = ()
    origins: Mapping[str, Sequence[Origin]] = field(default_factory=dict)
    job_facets: Mapping[str, JobFacet] = field(default_factory=dict)
