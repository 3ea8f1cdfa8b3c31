"""Which moves the scales of priors make."""

from __future__ import annotations

from pymc_glm.machine import LatentMachine

__all__ = ["with_scales"]


def with_scales(machine: LatentMachine, scales: str) -> LatentMachine:
    """The machine with the moves of its scales that were asked for.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.
    scales : {"interweave", "plain"}
        ``"plain"`` drops the moves of a scale together with the block.

    Returns
    -------
    machine : LatentMachine

    Raises
    ------
    ValueError
        If ``scales`` is something else.
    """
    if scales == "interweave":
        return machine
    if scales != "plain":
        raise ValueError(f"Got scales={scales!r}. Choose 'interweave' or 'plain'.")
    plain = [hyper._replace(interweaving=None) for hyper in machine.hyperparameters]
    return machine._replace(hyperparameters=plain)
