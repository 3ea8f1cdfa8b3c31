"""The latent machine: factors, block layout, hyperparameter updates, and what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine.factor import BlockVariable, Factor
from pymc_glm.machine.hyperparameter import ExplicitLatent, Hyperparameter
from pymc_glm.machine.reference_move import ReferenceMove
from pymc_glm.machine.table import machine_html, machine_text

if TYPE_CHECKING:
    from pymc_glm.gaussian import GaussianPlan

__all__ = ["AlternateBlock", "Guest", "LatentMachine", "Refusal"]


class Refusal(NamedTuple):
    """Why a variable is not in the block.

    Attributes
    ----------
    variable : str
        The variable.
    term : str
        The term of the log density that keeps it out.
    reason : str
        A clause that completes "because ...".
    """

    variable: str
    term: str
    reason: str


class Guest(NamedTuple):
    """A variable left to PyMC's own step methods.

    Attributes
    ----------
    name : str
        Name of the value variable.
    rv_name : str
        Name the user gave.
    value : TensorVariable
        The value variable as it appears in the graphs of the machine.
    reason : str
        A clause that completes "because ...".
    """

    name: str
    rv_name: str
    value: TensorVariable
    reason: str


class AlternateBlock(NamedTuple):
    """Variables that multiply the block, and are jointly Gaussian given it and the latents.

    Attributes
    ----------
    block : list of BlockVariable
        The variables.
    factors : list of Factor
        Every term that mentions them; maps and offsets are graphs of the first block.
    plan : GaussianPlan
        Order and structure of their precision.
    """

    block: list[BlockVariable]
    factors: list[Factor]
    plan: GaussianPlan


class LatentMachine(NamedTuple):
    """A PyMC model, or the part of it that was recognised, as a Gaussian latent machine.

    Attributes
    ----------
    block : list of BlockVariable
        The variables that are jointly Gaussian given the latents.
    factors : list of Factor
        Every term that mentions the block.
    hyperparameters : list of Hyperparameter
        Updated by the sweep.
    latents : list of ExplicitLatent
        Variables of the model that are latents of a factor.
    guests : list of Guest
        Left to other step methods.
    refused : list of Refusal
        Why variables are not in the block.
    plan : GaussianPlan
        Order and structure of the block's precision, and the reason for the choice.
    alternates : tuple of AlternateBlock
        Further blocks, each drawn given the others.
    reference : ReferenceMove or None
        Set where the block moves by Metropolis steps from a reference, in place of a draw given the
        latents of the smooth factors.
    no_reference : str
        Why it is not set; a clause that completes "because ...".
    scans : int
        How often each unknown is drawn given all others after a draw of the block, the latents of
        Laplace factors integrated out.
    """

    block: list[BlockVariable]
    factors: list[Factor]
    hyperparameters: list[Hyperparameter]
    latents: list[ExplicitLatent]
    guests: list[Guest]
    refused: list[Refusal]
    plan: GaussianPlan
    alternates: tuple[AlternateBlock, ...] = ()
    reference: ReferenceMove | None = None
    no_reference: str = ""
    scans: int = 0

    @property
    def size(self) -> int:
        """Number of unknowns of the block."""
        return sum(variable.size for variable in self.block)

    @property
    def updated(self) -> list[Hyperparameter | ExplicitLatent | BlockVariable]:
        """Variables besides the block that the sweep updates, in the order of its state."""
        alternate = [variable for one in self.alternates for variable in one.block]
        return [*self.hyperparameters, *self.latents, *alternate]

    def __repr__(self) -> str:
        return machine_text(self)

    def __str__(self) -> str:
        return machine_text(self)

    def _repr_html_(self) -> str:
        return machine_html(self)
