"""Run samplers side by side on one model: who converged, who agrees, who is fastest."""

import sys

from types import ModuleType

from pymc_glm.compare.advice import Advice, advise
from pymc_glm.compare.comparison import Comparison, compare

__all__ = ["Advice", "Comparison", "advise", "compare"]


class _CallableModule(ModuleType):
    """Package that can be called like the function of the same name.

    Importing the package binds the attribute ``compare`` of ``pymc_glm`` to the package, whatever
    it was bound to before; ``pymc_glm.compare(model)`` has to work all the same.
    """

    __call__ = staticmethod(compare)


sys.modules[__name__].__class__ = _CallableModule
