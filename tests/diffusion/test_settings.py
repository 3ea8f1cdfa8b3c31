"""Arguments that nobody knows are refused, whatever the kernel."""

import pymc as pm
import pytest

import pymc_glm


@pytest.mark.parametrize("kernel", ["mixture", "auto", "gated", "dis"])
def test_misspelt_arguments(kernel):
    with pm.Model() as model:
        pm.Normal("x")
    with pytest.raises(ValueError, match=r"Got start=5000\. .* Did you mean starts\?"):
        pymc_glm.fit_diffusion(model, kernel=kernel, start=5000, progressbar=False)


def test_a_model_without_a_machine_is_told_another_refinement():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("x") ** 2, 0.1, observed=1.0)
    with pytest.raises(pymc_glm.RecognitionError, match=r"refinement='tempered'; this is what"):
        pymc_glm.fit_diffusion(model, refinement="machine", progressbar=False)
