"""The documentation's reference has every public class of what a Dag imports."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from airflow_provider_iqm import exceptions
from airflow_provider_iqm.get_provider_info import get_provider_info
from airflow_provider_iqm.hooks.iqm import IQMAsyncHook, IQMHook

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
INFO = get_provider_info()
MODULES = [
    *(
        module
        for kind in ("hooks", "operators", "sensors", "triggers")
        for item in INFO[kind]
        for module in item["python-modules"]
    ),
    *(item["python-module"] for item in INFO["transfers"]),
    *(link.rpartition(".")[0] for link in INFO["extra-links"]),
]
CLASSES = [
    f"{module}.{name}"
    for module in MODULES
    for name, value in vars(import_module(module)).items()
    if inspect.isclass(value) and value.__module__ == module and not name.startswith("_")
]


@pytest.mark.parametrize("name", sorted(set(CLASSES)))
def test_a_class_is_in_the_reference(name):
    assert re.search(rf"\.\. autoclass:: {re.escape(name)}$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("decorator", [item["class-name"] for item in INFO["task-decorators"]])
def test_a_decorator_is_in_the_reference(decorator):
    assert f".. autofunction:: {decorator}\n" in PAGE


def test_errors_and_the_retry_policy_are_in_the_reference():
    assert f".. automodule:: {exceptions.__name__}\n   :members:" in PAGE
    assert ".. autoclass:: airflow_provider_iqm.retry_policy.IQMRetryPolicy" in PAGE


@pytest.mark.parametrize("hook", [IQMHook, IQMAsyncHook])
def test_the_reference_of_a_hook_has_exactly_its_public_methods(hook):
    form = {"get_connection_form_widgets", "get_ui_field_behaviour"}
    own = {
        name
        for kind in hook.__mro__
        if kind.__module__.startswith("airflow_provider_iqm")
        for name, value in vars(kind).items()
        if (inspect.isfunction(value) or isinstance(value, property)) and not name.startswith("_")
    }
    (listed,) = re.findall(rf"hooks\.iqm\.{hook.__name__}\n   :members: (.*)", PAGE)
    assert own - form == set(listed.split(", "))
