"""The examples in the library's docstrings run, and each public name has one."""

import doctest
import importlib
import pkgutil

import pytest

import ganod_lite

MODULES = [module.name for module in pkgutil.iter_modules(ganod_lite.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    failed, _ = doctest.testmod(importlib.import_module(f"ganod_lite.{name}"))
    assert not failed


@pytest.mark.parametrize("name", ganod_lite.__all__)
def test_what_is_public_has_an_example(name):
    assert ">>> " in getattr(ganod_lite, name).__doc__
