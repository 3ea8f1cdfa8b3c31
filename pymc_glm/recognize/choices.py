"""What a user may choose about a recognised machine: its moves and its solver."""

from __future__ import annotations

from numbers import Real

import numpy as np

from pymc_glm.exceptions import RecognitionError
from pymc_glm.gaussian import STRUCTURES, ConjugateGradients
from pymc_glm.machine import LatentMachine, with_block, with_scales
from pymc_glm.recognize.planning import plan_block
from pymc_glm.recognize.sites import with_sites

__all__ = ["refuse_without_determinant", "with_choices"]


def with_choices(
    machine: LatentMachine,
    scales: str = "auto",
    block: str = "auto",
    solver: str | ConjugateGradients = "auto",
) -> LatentMachine:
    """The machine with the moves and the solver that were asked for.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.
    scales, block : str
        As in `pymc_glm.machine.with_scales` and `pymc_glm.machine.with_block`.
    solver : str or ConjugateGradients
        How the Gaussian block is drawn: a name of `pymc_glm.gaussian.STRUCTURES`, or the settings
        of an iterative solution. ``"auto"`` keeps the cheapest one.

    Returns
    -------
    machine : LatentMachine

    Raises
    ------
    ValueError
        If a choice is unknown, or the precision of the block has not the structure asked for.
    """
    chosen = _with_solver(with_block(machine, block), solver)
    refuse_without_determinant(chosen)
    return with_scales(with_sites(chosen, block), scales)


def refuse_without_determinant(machine: LatentMachine) -> None:
    """Refuse indicators in a map where the block cannot be factorised.

    Raises
    ------
    RecognitionError
        If a variable moves with the block integrated out only, and that takes a factorisation.
    """
    if machine.plan.has_determinant:
        return
    for hyper in machine.hyperparameters:
        if hyper.only_collapsed:
            raise RecognitionError(
                f"{hyper.rv_name!r} moves with the block of {machine.size} unknowns integrated out,"
                " and an iterative solution has no density without the block. Use a mixture"
                " (pm.NormalMixture) in place of indicators, or a smaller block."
            )


def _with_solver(machine: LatentMachine, solver: str | ConjugateGradients) -> LatentMachine:
    if solver == "auto":
        return machine
    settings = solver if isinstance(solver, ConjugateGradients) else ConjugateGradients()
    if not isinstance(settings.tolerance, Real) or not 0.0 < settings.tolerance < 1.0:
        raise ValueError(
            f"Got a tolerance of {settings.tolerance!r}. It is a relative residual, in (0, 1)."
        )
    if not isinstance(settings.corrected, bool | np.bool_):
        raise ValueError(
            f"Got corrected={settings.corrected!r}. It is True or False: whether draws are accepted"
            " or refused so that the chain is exact."
        )
    structure = "iterative" if isinstance(solver, ConjugateGradients) else solver
    if structure not in STRUCTURES:
        names = ", ".join(map(repr, ("auto", *STRUCTURES)))
        raise ValueError(
            f"Got solver={solver!r}. Choose one of {names}, or pymc_glm.ConjugateGradients(...)."
        )
    if machine.reference is not None:
        raise ValueError(
            f"Got solver={solver!r} for a block that moves from a Gaussian reference. Use"
            " block='gibbs' as well."
        )
    plan = plan_block(machine.block, machine.factors, structure)
    return machine._replace(plan=plan._replace(solution=settings))
