"""Every verb of `tf-gantts` leads to a command."""

import importlib

import pytest

from tf_gantts import cli


@pytest.mark.parametrize("name", cli._VERBS)
def test_a_verb_has_a_main(name):
    module, _ = cli._VERBS[name]
    assert callable(importlib.import_module(module).main)
