"""Importing the package is quick and changes nothing outside it."""

import json
import subprocess
import sys

import pytest

import pymc_glm

SCRIPT = """
import json, sys, time, warnings
import numpy as np
import pymc as pm
import pytensor

def state():
    return {
        "filters": repr(warnings.filters),
        "steps": repr(pm.STEP_METHODS),
        "pytensor": str(pytensor.config),
        "numpy errors": repr(np.geterr()),
        "print options": repr(np.get_printoptions()),
        "random state": repr(np.random.get_state()),
    }

before, modules = state(), set(sys.modules)
began = time.process_time()
import pymc_glm
seconds = time.process_time() - began
modules = set(sys.modules) - modules
after = state()
print(json.dumps({
    "seconds": seconds,
    "modules": sorted(modules),
    "changed": [name for name in before if before[name] != after[name]],
}))
"""


@pytest.fixture(scope="module")
def imported():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=300
    )
    return json.loads(run.stdout.splitlines()[-1])


def test_import_is_quick(imported):
    assert imported["seconds"] < 0.5


def test_import_brings_in_this_package_only(imported):
    assert {name.partition(".")[0] for name in imported["modules"]} == {"pymc_glm"}


def test_import_changes_no_global_state(imported):
    assert imported["changed"] == []


def test_package_alone_imports_neither_pymc_nor_numba():
    code = (
        "import sys, pymc_glm; print([m for m in ('pymc', 'numba', 'arviz') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", pymc_glm.__all__)
def test_public_name_resolves(name):
    assert getattr(pymc_glm, name) is not None
    assert name in dir(pymc_glm)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'GaussianLatentGibs'"):
        pymc_glm.GaussianLatentGibs
