"""Refuses arguments whose template rendered to nothing: Jinja writes ``None`` as the text "None"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_iqm.exceptions import (
    AudienceFileError,
    AudienceNameError,
    AudienceOptionError,
    ColumnMappingError,
    IQMConnectionError,
    IQMFinalError,
    QueryError,
)

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context

_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_MOST_SHOWN = 3
_LONGEST_SHOWN = 200

_WRITTEN_NOTHING = re.compile(r"\b(None|nan)\b")
_NOTHING = ("none", "nan", "nat", "null", "undefined")
"""What a missing value looks like as text, in lower case."""

_REQUIRED = frozenset(
    (
        "audience_id",
        "audience_name",
        "campaign_ids",
        "columns",
        "conn_id",
        "file_path",
        "iqm_conn_id",
        "output_dir",
        "sql",
    )
)

_ERRORS: Mapping[str, type[IQMFinalError]] = {
    "audience_name": AudienceNameError,
    "audience_id": IQMFinalError,
    "campaign_ids": IQMFinalError,
    "include": IQMFinalError,
    "exclude": IQMFinalError,
    "remove": IQMFinalError,
    "columns": ColumnMappingError,
    "column_settings": ColumnMappingError,
    "hash_columns": ColumnMappingError,
    "conn_id": QueryError,
    "file_path": AudienceFileError,
    "iqm_conn_id": IQMConnectionError,
    "parameters": QueryError,
    "sql": QueryError,
}


class RenderedArguments(BaseOperator):
    """
    An operator that knows which of its templates rendered to nothing.

    Airflow keeps no template once it is rendered, so they are compared then. A text that isn't a template may well be
    "None": somebody's audience may have that name.
    """

    may_be_none: ClassVar[frozenset[str]] = frozenset()
    """Templated arguments for which ``None`` means that they aren't given."""

    template_files: ClassVar[Mapping[str, str]] = {}
    """Argument → the extension that makes its value the name of a template file."""

    unusable_arguments: Mapping[str, str] = {}
    """Argument → what its template rendered to, and the template."""

    def check_rendered_arguments(self) -> None:
        """
        Check that no template rendered to nothing.

        :raises IQMFinalError: One did, or one that is required is None. The error's type is that of the argument.
        """
        for name in _REQUIRED.intersection(self.template_fields):
            if getattr(self, name) is None and name not in self.unusable_arguments:
                raise _ERRORS.get(name, AudienceOptionError)(f"{name} is None. Give it a value.")
        for name, problem in self.unusable_arguments.items():
            raise _ERRORS.get(name, AudienceOptionError)(
                f"{name} {problem} Check the Variable, Param or XCom that the value comes from."
            )

    def resolve_template_files(self) -> None:
        """Read template files, but only for arguments in ``template_files``: Airflow would read ``quarantine.json``."""
        self.template_fields = [name for name in self.template_files if self._file_extensions(name)]
        try:
            super().resolve_template_files()
        finally:
            del self.template_fields

    def _file_extensions(self, name: str) -> Sequence[str]:
        """Return the extension of the template file that an argument names, if it names one."""
        value, extension = getattr(self, name), self.template_files.get(name)
        return [extension] if extension and isinstance(value, str) and value.endswith(extension) else []

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        missing: list[object] = []
        unusable: dict[str, str] = {}
        environment = jinja_env.overlay(finalize=_noting_missing(missing, jinja_env.finalize))
        for name in template_fields:
            template = getattr(self, name)
            missing.clear()
            self.template_ext = self._file_extensions(name)
            super()._do_render_template_fields(self, (name,), context, environment, seen_oids)
            del self.template_ext
            problem = _problem(
                template,
                getattr(self, name),
                some_missing=bool(missing),
                may_be_none=name in self.may_be_none,
                of_fields=_ERRORS.get(name) is ColumnMappingError,
            )
            if problem:
                unusable[name] = problem
        self.unusable_arguments = unusable


def _noting_missing(missing: list[object], given: Any) -> Any:
    """Return a function for Jinja, which calls it with the value of each expression before it becomes text."""

    def finalize(value: object) -> object:
        if _is_missing(value):
            missing.append(value)
        return given(value) if given else value

    return finalize


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _problem(template: object, rendered: object, *, some_missing: bool, may_be_none: bool, of_fields: bool) -> str:
    """Tell what is wrong with what a template rendered to; nothing where it is all right, or was no template."""
    if _is_missing(template) or template == rendered:
        return ""
    if _is_missing(rendered):
        return "" if may_be_none else f"rendered to None: {_shown(template)}."
    if isinstance(rendered, str) and not rendered.strip():
        return "" if may_be_none else f"rendered to an empty text: {_shown(template)}."
    if isinstance(rendered, str) and rendered.strip().casefold() in _NOTHING:
        return f"rendered to {rendered.strip()}: {_shown(template)}."
    if some_missing and any(map(_WRITTEN_NOTHING.search, _texts(rendered))):
        return f"has an expression that rendered to None: {_shown(template)}."
    if of_fields and isinstance(rendered, Mapping):
        return _problem_of_fields(template, rendered)
    return ""


def _problem_of_fields(template: object, rendered: Mapping[object, object]) -> str:
    """Tell which field of a mapping a template has rendered to nothing."""
    values = list(template.values()) if isinstance(template, Mapping) else [template] * len(rendered)
    for (name, value), written in zip(rendered.items(), values, strict=False):
        if value != written and (_is_missing(value) or str(value).strip().casefold() in ("", *_NOTHING)):
            return f"has no value for {name!r}, which rendered to {value!r}: {_shown(written)}."
    return ""


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _texts(item)


def _shown(template: object) -> str:
    """Show a template's expressions; the text around them may be a long query."""
    text = ", ".join(_texts(template)) or str(template)
    expressions = list(dict.fromkeys(_EXPRESSION.findall(text)))
    shown = ", ".join(expressions[:_MOST_SHOWN]) or text
    more = f" and {len(expressions) - _MOST_SHOWN} more" if len(expressions) > _MOST_SHOWN else ""
    return f"{shown[:_LONGEST_SHOWN]}{more}"
