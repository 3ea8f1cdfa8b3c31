"""Let the tests of learned proposals import the targets they share, and keep JAX's precision."""

from __future__ import annotations

import sys

from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def jax():
    """JAX in double precision and without optimisations, which small examples do not repay."""
    jax = pytest.importorskip("jax")
    options = ("jax_enable_x64", "jax_disable_most_optimizations")
    before = {name: jax.config.read(name) for name in options}
    for name in options:
        jax.config.update(name, True)
    yield jax
    for name, value in before.items():
        jax.config.update(name, value)
