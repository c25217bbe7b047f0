"""The base class of IQM's operators and sensors."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
_MAX_EXPRESSIONS = 3
_MAX_CHARACTERS = 200

_MISSING_IN_TEXT = re.compile(r"\b(None|nan)\b")
_MISSING_TEXTS = ("none", "nan", "nat", "null", "undefined")
"""The texts that a missing value renders to, in lower case."""

_REQUIRED = frozenset(
    (
        "audience_id",
        "audience_name",
        "campaign_ids",
        "columns",
        "conn_id",
        "file_path",
        "iqm_conn_id",
        "new_audience_id",
        "old_audience_id",
        "output_dir",
        "sql",
    )
)

_ERRORS: Mapping[str, type[IQMFinalError]] = {
    "audience_name": AudienceNameError,
    "audience_id": IQMFinalError,
    "campaign_ids": IQMFinalError,
    "old_audience_id": IQMFinalError,
    "new_audience_id": IQMFinalError,
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
    "suppression_path": AudienceFileError,
}


class IQMBaseOperator(BaseOperator):
    """
    An operator that rejects arguments whose template rendered to nothing.

    Jinja renders a missing value as the text "None". Airflow discards templates once they are rendered, so they are
    checked while rendering. A literal "None" is accepted: it can be an audience's name.
    """

    may_be_none: ClassVar[frozenset[str]] = frozenset()
    """Templated arguments that may be None."""

    may_be_omitted: ClassVar[frozenset[str]] = frozenset()
    """Templated arguments that may be a literal None, but whose template must not render to None."""

    may_be_anything: ClassVar[frozenset[str]] = frozenset()
    """Templated arguments whose values aren't checked."""

    template_files: ClassVar[Mapping[str, str]] = {}
    """Argument → the file extension by which its value is the name of a template file."""

    unusable_arguments: Mapping[str, str] = {}
    """Argument → what its template rendered to, and the template."""

    def check_rendered_arguments(self, names: Collection[str] | None = None) -> None:
        """
        Check that no template rendered to nothing.

        :param names: The arguments to check; default: all.
        :raises IQMFinalError: A template did, or a required argument is None. The error's class depends on the
            argument.
        """
        for name in _REQUIRED.intersection(self.template_fields) - self.may_be_none - self.may_be_omitted:
            if names is None and getattr(self, name) is None and name not in self.unusable_arguments:
                raise _ERRORS.get(name, AudienceOptionError)(f"{name} is None. Set it to a value.")
        for name, problem in self.unusable_arguments.items():
            if names is not None and name not in names:
                continue
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
        """Return the extension of the template file that an argument names, or an empty list."""
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
        environment = jinja_env.overlay(finalize=_collect_missing(missing, jinja_env.finalize))
        for name in template_fields:
            template = getattr(self, name)
            missing.clear()
            self.template_ext = self._file_extensions(name)
            super()._do_render_template_fields(self, (name,), context, environment, seen_oids)
            del self.template_ext
            if name in self.may_be_anything:
                continue
            problem = _find_problem(
                template,
                getattr(self, name),
                some_missing=bool(missing),
                may_be_none=name in self.may_be_none,
                is_mapping=_ERRORS.get(name) is ColumnMappingError,
            )
            if problem:
                unusable[name] = problem
        self.unusable_arguments = unusable


def _collect_missing(missing: list[object], next_finalize: Any) -> Any:
    """Return a ``finalize`` function for Jinja that collects the expressions whose value is missing."""

    def finalize(value: object) -> object:
        if _is_missing(value):
            missing.append(value)
        return next_finalize(value) if next_finalize else value

    return finalize


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _find_problem(
    template: object, rendered: object, *, some_missing: bool, may_be_none: bool, is_mapping: bool
) -> str:
    """Return what is wrong with a rendered template; an empty text if it is fine or wasn't a template."""
    if _is_missing(template) or template == rendered:
        return ""
    if _is_missing(rendered):
        return "" if may_be_none else f"rendered to None: {_show_expressions(template)}."
    if isinstance(rendered, str) and not rendered.strip():
        return "" if may_be_none else f"rendered to an empty string: {_show_expressions(template)}."
    if isinstance(rendered, str) and rendered.strip().casefold() in _MISSING_TEXTS:
        return f"rendered to {rendered.strip()}: {_show_expressions(template)}."
    if some_missing and any(map(_MISSING_IN_TEXT.search, _texts(rendered))):
        return f"has an expression that rendered to None: {_show_expressions(template)}."
    if is_mapping and isinstance(rendered, Mapping):
        return _find_mapping_problem(template, rendered)
    return ""


def _find_mapping_problem(template: object, rendered: Mapping[object, object]) -> str:
    """Return which value of a mapping rendered to nothing; an empty text if none did."""
    templates = list(template.values()) if isinstance(template, Mapping) else [template] * len(rendered)
    for (name, value), written in zip(rendered.items(), templates, strict=False):
        if value != written and (_is_missing(value) or str(value).strip().casefold() in ("", *_MISSING_TEXTS)):
            return f"has no value for {name!r}, which rendered to {value!r}: {_show_expressions(written)}."
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


def _show_expressions(template: object) -> str:
    """Return a template's expressions, without the text around them, which can be a long query."""
    text = ", ".join(_texts(template)) or str(template)
    expressions = list(dict.fromkeys(_EXPRESSION.findall(text)))
    shown = ", ".join(expressions[:_MAX_EXPRESSIONS]) or text
    more = f" and {len(expressions) - _MAX_EXPRESSIONS} more" if len(expressions) > _MAX_EXPRESSIONS else ""
    return f"{shown[:_MAX_CHARACTERS]}{more}"
