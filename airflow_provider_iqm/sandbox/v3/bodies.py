"""Parses JSON into models, and reports problems as IQM does: a message and the field's path."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError

_IS_INT32 = Field(ge=-(2**31), lt=2**31)
Int32 = Annotated[StrictInt, _IS_INT32]
# For query and path parameters, which are text.
TextInt32 = Annotated[int, _IS_INT32]


class JsonModel(BaseModel):
    """Base of JSON models: names in camel case, types without coercion."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, strict=True)


Model = TypeVar("Model", bound=JsonModel)


def _check_name(name: str) -> str:
    if not name.strip() or len(name) > 255:
        raise ValueError("Audience name must be between 1 and 255 characters.")
    return name


AudienceName = Annotated[str, AfterValidator(_check_name)]


def parse(model: type[Model], text: bytes | str, *, refuse_with: int) -> Model:
    """
    Parse a JSON object.

    :param model: the expected model.
    :param text: the JSON.
    :param refuse_with: HTTP status of errors.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as wrong:
        raise RefusedError(refuse_with, *problems_of(wrong.errors())) from wrong


def problems_of(errors: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """
    Return the problems, without values of the request.

    :param errors: errors of pydantic or FastAPI.
    """
    return [Problem(_message(each), _field(each["loc"]) or None) for each in errors]


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return f"Missing required parameter: '{_field(error['loc'])}'."
    return str(error["msg"]).removeprefix("Value error, ")


def _field(place: Iterable[str | int]) -> str:
    # FastAPI's locations start with the part of the request.
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place if part not in {"query", "path"}]
    return "".join(parts).removeprefix(".")
