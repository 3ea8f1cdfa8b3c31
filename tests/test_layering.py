"""Imports go one way, heavy packages stay where they belong, and modules stay short."""

import ast
import re

from pathlib import Path

import pytest

import pymc_glm

ROOT = Path(pymc_glm.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# What each part may import from the package, and nothing else. The edges form no cycle.
FOUNDATION = {"checks", "exceptions", "numba_support", "ops", "version"}
EDGES = {
    "version": set(),
    "checks": set(),
    "exceptions": set(),
    "ops": {"numba_support"},
    "numba_support": {"ops"},
    # Numbers about chains: sampling warns by them, compare judges by them.
    "diagnostics": set(),
    "random": FOUNDATION,
    "operators": FOUNDATION,
    "families": FOUNDATION | {"random"},
    "machine": FOUNDATION | {"families", "operators"},
    "gaussian": FOUNDATION | {"machine", "operators"},
    "declare": FOUNDATION | {"families", "random", "operators"},
    "recognize": FOUNDATION | {"machine", "families", "gaussian", "declare", "operators"},
    "sweep": FOUNDATION | {"machine", "families", "gaussian", "random", "operators"},
    "sampling": FOUNDATION
    | {"recognize", "sweep", "gaussian", "machine", "diagnostics", "operators"},
    "diffusion": FOUNDATION | {"operators", "machine", "recognize", "sweep", "sampling", "random"},
    # Of images under a prior on their codes, each sampler against the exact posterior. Tempering
    # and the process that trains with JAX are those of learned proposals.
    "inverse": FOUNDATION | {"operators", "random", "diffusion"},
    "step_methods": FOUNDATION
    | {"recognize", "sweep", "gaussian", "machine", "sampling", "diffusion"},
    "compare": FOUNDATION
    | {"recognize", "sampling", "step_methods", "diagnostics", "operators", "diffusion", "inverse"},
    "testing": FOUNDATION | {"families", "operators"},
    "demo": FOUNDATION | {"declare", "recognize", "compare", "operators"},
    "cli": {"version", "demo"},
}
# Where packages may be imported at all; anything not named here may be imported anywhere.
HOMES = {
    "pymc": {
        "declare",
        "recognize",
        "sampling",
        "diffusion",
        "inverse",
        "step_methods",
        "compare",
        "demo",
    },
    "arviz": {"compare"},
    "arviz_base": {"compare"},
    "arviz_stats": {"compare"},
    "matplotlib": {"compare"},
    "nutpie": {"compare"},
    # A sampler to compare with, and training in a process of its own. Sampling runs on numba.
    "jax": {"compare", "diffusion", "inverse", "operators"},
    "optax": {"diffusion", "inverse"},
    "blackjax": {"compare"},
    "torch": set(),
}
KERNEL = re.compile(r"pymc_glm(\.\w+)+:\w+")
MOST_LINES = 400


class Imports(ast.NodeVisitor):
    """Names of all modules that a source imports, in functions as well, or runs kernels of."""

    def __init__(self, source):
        self.names = set()
        self.visit(ast.parse(source))

    def visit_If(self, node):
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node):
        self.names.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node):
        assert node.level == 0, "Relative imports hide which part a module belongs to."
        if node.module == "pymc_glm":
            self.names.update(f"pymc_glm.{alias.name}" for alias in node.names)
        else:
            self.names.add(node.module)

    def visit_Constant(self, node):
        if isinstance(node.value, str) and KERNEL.fullmatch(node.value):
            self.names.add(node.value.partition(":")[0])


def part_of(path):
    """First name below the package: a folder, or a module at the top."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def violations(source, part):
    """Imports that a source of some part of the package may not have."""
    found = set()
    for name in Imports(source).names:
        package, *rest = name.split(".")
        if package == "pymc_glm":
            if rest and rest[0] != part and rest[0] not in EDGES[part]:
                found.add(name)
        elif package in HOMES and part not in HOMES[package]:
            found.add(name)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_only_what_its_part_may(path):
    if path == ROOT / "__init__.py":
        return
    assert violations(path.read_text(encoding="utf-8"), part_of(path)) == set()


@pytest.mark.parametrize(
    ("source", "part", "name"),
    [
        ("import pymc", "sweep", "pymc"),
        ("from pymc.model.core import Model", "machine", "pymc.model.core"),
        ("def f():\n    import arviz_stats", "sampling", "arviz_stats"),
        ("from pymc_glm.recognize import explain", "sweep", "pymc_glm.recognize"),
        ("from pymc_glm import compare", "recognize", "pymc_glm.compare"),
        ("op = KernelOp('pymc_glm.sweep.scale_kernels:f')", "families", "pymc_glm.sweep"),
    ],
)
def test_a_forbidden_import_is_found(source, part, name):
    [found] = violations(source, part)
    assert found.startswith(name)


def test_imports_for_type_checkers_do_not_count():
    source = "if TYPE_CHECKING:\n    from pymc_glm.gaussian import GaussianPlan"
    assert violations(source, "machine") == set()


def test_every_part_has_its_edges_written_down():
    assert {part_of(path) for path in MODULES} - {"__init__"} == set(EDGES)


def test_edges_form_no_cycle():
    # The two halves of the foundation know each other: an Op imports its compiler when first used.
    edges = {part: allowed - {part} for part, allowed in EDGES.items()}
    edges["ops"] = set()
    left = dict(edges)
    while left:
        free = {part for part, allowed in left.items() if not allowed & set(left)}
        assert free, f"There is a cycle among {sorted(left)}."
        left = {part: allowed for part, allowed in left.items() if part not in free}


def test_kernels_live_where_changes_to_them_are_noticed():
    """The cache key hashes files called ``*kernels.py``; a kernel elsewhere would go stale."""
    allowed = re.compile(r"(\w+_)?kernels\.py|numba_dispatch\.py|numba_support\.py|compile\.py")
    importers = {
        path.name for path in MODULES if "numba" in Imports(path.read_text(encoding="utf-8")).names
    }
    assert {name for name in importers if not allowed.fullmatch(name)} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < MOST_LINES
