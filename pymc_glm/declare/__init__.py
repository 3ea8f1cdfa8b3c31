"""What plain PyMC lacks for declaring a model."""

from pymc_glm.declare.expert import expert

__all__ = ["expert"]
