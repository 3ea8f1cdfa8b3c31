"""Product-of-experts terms."""

from __future__ import annotations

import pymc as pm

from pymc.model.core import modelcontext
from pytensor.tensor.variable import TensorVariable

__all__ = ["expert"]


def expert(
    name: str, dist: TensorVariable, value: TensorVariable, dims: object | None = None
) -> TensorVariable:
    """Multiply the model's density by a distribution's density of an expression.

    The term is an ordinary `pymc.Potential`; every sampler sees it. It also remembers the
    distribution, so that any family known to this package is recognised without guessing.

    The density is taken literally, normaliser included: m rows of ``Laplace.dist(0, b)`` contribute
    b**-m, while the properly normalised prior of an overcomplete map of rank r would have b**-r.
    Where b is unknown and m > r, add ``pm.Potential("normaliser", (m - r) * pt.log(b))`` for it.

    Parameters
    ----------
    name : str
        Name of the term.
    dist : TensorVariable
        Made by ``.dist()``.
    value : TensorVariable
        Where its density is evaluated, usually a linear map of model variables.
    dims : str or tuple of str, optional
        As in `pymc.Potential`.

    Returns
    -------
    term : TensorVariable
        The log density of each entry.

    Raises
    ------
    TypeError
        If ``dist`` is not made by ``.dist()``.

    Examples
    --------
    Total variation::

        import pymc as pm
        import pymc_glm
        import pytensor.tensor as pt

        with pm.Model():
            x = pm.Flat("x", shape=50)
            pymc_glm.expert("jumps", pm.Laplace.dist(0, 0.1), pt.diff(x))
    """
    modelcontext(None)
    if getattr(dist, "owner", None) is None or not hasattr(dist.owner.op, "dist_params"):
        raise TypeError(
            f"The expert {name!r} needs a distribution, got {type(dist).__name__}. Make one with"
            " `.dist()`, for example pm.Laplace.dist(0, 1)."
        )
    term = pm.Potential(name, pm.logp(dist, value), dims=dims)
    term.tag.pymc_glm_expert = (dist, value)
    return term
