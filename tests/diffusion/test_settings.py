"""Arguments that nobody knows are refused, whatever the kernel."""

import pymc as pm
import pytest

import pymc_glm


@pytest.mark.parametrize("kernel", ["mixture", "auto", "gated", "dis"])
def test_misspelt_arguments(kernel):
    with pm.Model() as model:
        pm.Normal("x")
    with pytest.raises(ValueError, match=r"Got start=5000\. It is no argument of fit_diffusion"):
        pymc_glm.fit_diffusion(model, kernel=kernel, start=5000, progressbar=False)
