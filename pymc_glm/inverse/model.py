"""An inverse problem as a PyMC model, for every sampler that PyMC has."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from pymc.model import Model
from pytensor.tensor.variable import TensorVariable

from pymc_glm.inverse.decoders import AbstractDecoder, NetworkDecoder, PrincipalComponents
from pymc_glm.inverse.problem import InverseProblem

__all__ = ["to_model"]


def to_model(problem: InverseProblem) -> Model:
    """Write the problem as a PyMC model of the code, with the component summed out.

    Parameters
    ----------
    problem : InverseProblem
        With a decoder of this package.

    Returns
    -------
    model : pymc.Model
        With variables ``z`` and ``y``. One component makes a Gaussian block that
        `pymc_glm.sample` draws exactly; several need NUTS, or `pymc_glm.GMPDiffusion`.

    Raises
    ------
    ValueError
        If the decoder is of another kind.

    Examples
    --------
    Half of the pixels of images with four of them::

        import numpy as np
        import pymc as pm
        from pymc_glm.inverse import InverseProblem, LatentMixturePrior, to_model
        from pymc_glm.operators import Mask

        images = np.random.default_rng(0).normal(size=(50, 2, 2))
        prior = LatentMixturePrior.fit(images, latent=2, components=2)
        operator = Mask(np.array([[True, False], [False, True]]))
        problem = InverseProblem(prior, operator, operator.forward(images[0]), noise=0.1)
        model = to_model(problem)
    """
    prior = problem.prior
    with pm.Model(coords={"code": np.arange(prior.decoder.latent)}) as model:
        components = [
            pm.MvNormal.dist(mean, cov)
            for mean, cov in zip(prior.means, prior.covariances, strict=True)
        ]
        if len(components) == 1:
            z = pm.MvNormal("z", prior.means[0], prior.covariances[0], dims="code")
        else:
            z = pm.Mixture("z", prior.weights, components, dims="code")
        prediction = problem.matrix @ _decoded(prior.decoder, z)
        if prior.decoder.residual_variance == 0.0:
            pm.Normal("y", prediction, problem.noise, observed=problem.data)
        else:
            pm.MvNormal("y", prediction, problem.noise_covariance, observed=problem.data)
    return model


def _decoded(decoder: AbstractDecoder, z: TensorVariable) -> TensorVariable:
    if isinstance(decoder, PrincipalComponents):
        return decoder.mean + decoder.matrix @ z
    if isinstance(decoder, NetworkDecoder):
        for weight, bias in decoder.layers_out[:-1]:
            z = pt.tanh(weight.T @ z + bias)
        weight, bias = decoder.layers_out[-1]
        return weight.T @ z + bias
    raise ValueError(
        f"The decoder is a {type(decoder).__name__}, which has no PyTensor graph. Use"
        " PrincipalComponents or NetworkDecoder, or pymc_glm.inverse.smc, which needs none."
    )
