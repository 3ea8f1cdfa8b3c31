"""A trained path sampler, frozen, as something that proposes points and weighs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.files import flattened, nested, read_arrays, write_arrays
from pymc_glm.diffusion.gated import GatedKernel
from pymc_glm.diffusion.kernels import AbstractKernel, MixtureKernel
from pymc_glm.diffusion.langevin import LANGEVIN, LangevinKernel
from pymc_glm.diffusion.prior import in_use, mixture
from pymc_glm.diffusion.targets import Density, Layout

__all__ = ["KERNELS", "Candidates", "Proposal", "make_kernel"]

FORMAT = 1
KERNELS = (MixtureKernel.name, GatedKernel.name, *LANGEVIN)


class Candidates(NamedTuple):
    """Proposed points.

    Attributes
    ----------
    x : ndarray, shape (n, d)
        The points.
    log_proposal : ndarray, shape (n,)
        Log of the mean of Q/B over the paths of each point; log rho less this is a log weight.
    component : ndarray of int, shape (n,)
        Where the path of each began.
    """

    x: np.ndarray
    log_proposal: np.ndarray
    component: np.ndarray


def make_kernel(name: str, **settings: Any) -> AbstractKernel:
    """The kernel of some name.

    Parameters
    ----------
    name : {"mixture", "gated", "dis", "mcd", "cmcd", "dbs"}
        Its name.
    **settings
        Its arguments.

    Raises
    ------
    ValueError
        If there is no such kernel.
    """
    if name in LANGEVIN:
        return LangevinKernel(name, **settings)
    if name == GatedKernel.name:
        return GatedKernel(**settings)
    if name == MixtureKernel.name:
        return MixtureKernel()
    raise ValueError(f"Got kernel={name!r}. Choose one of {', '.join(map(repr, KERNELS))}.")


class Proposal:
    r"""A frozen path sampler over the flat vector of a model's value variables.

    Parameters
    ----------
    kernel : AbstractKernel
        How paths are drawn.
    parameters : dict
        Its parameters, in NumPy.
    layout : Layout
        The model's value variables.
    center : ndarray, shape (d,)
        Paths live in y of x = center + factor y.
    factor : ndarray, shape (d, d)
        Lower triangular.
    report : dict, optional
        What was measured when it was fitted; numbers and texts.

    Examples
    --------
    A single Gaussian for two unknowns::

        import numpy as np
        from pymc_glm.diffusion import Layout, Proposal, from_moments, make_kernel

        kernel = make_kernel("mixture")
        prior = from_moments(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
        layout = Layout(("x",), ((2,),))
        proposal = Proposal(kernel, {"prior": prior}, layout, np.zeros(2), np.eye(2))
        proposal.draw(np.random.default_rng(1), 5).x
    """

    def __init__(
        self,
        kernel: AbstractKernel,
        parameters: dict[str, Any],
        layout: Layout,
        center: np.ndarray,
        factor: np.ndarray,
        report: dict[str, Any] | None = None,
    ) -> None:
        self.kernel = kernel
        self.parameters = parameters
        self.layout = layout
        self.center = center
        self.factor = factor
        self.report = {} if report is None else report
        self._log_determinant = float(np.sum(np.log(np.diagonal(factor))))
        # The inverses of its factors are found once.
        self._frozen = {**parameters, "prior": mixture(NUMPY, parameters["prior"])}

    def __repr__(self) -> str:
        names = ", ".join(self.layout.names)
        known = ""
        if "acceptance" in self.report:
            modes, accepted = self.report["modes"], self.report["acceptance"]
            known = f", {modes} modes, acceptance {accepted:.2f}"
        size = int(np.sum(in_use(self.parameters["prior"])))
        return f"<Proposal {self.kernel.name!r} for {names}: {size} components{known}>"

    def draw(
        self,
        rng: np.random.Generator,
        n: int,
        paths: int = 1,
        gradient: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Candidates:
        """Draw points with the path that led to each, and weigh them over further paths.

        Parameters
        ----------
        rng : numpy.random.Generator
            It is advanced.
        n : int
            Number of points.
        paths : int
            Paths of each point: the one that led there, the others drawn backwards.
        gradient : callable, optional
            Gradient of the model's log density at points of shape (n, d); needed by kernels whose
            drift it is.

        Returns
        -------
        candidates : Candidates
        """
        score = self._score(gradient)
        prior = self._frozen["prior"]
        component = _pick(rng, np.broadcast_to(prior.log_weights, (n, prior.size)))
        noise = rng.standard_normal((self.kernel.steps + 1, n, self.layout.size))
        path = self.kernel.forward(NUMPY, self._frozen, component, noise, score)
        ratios = path.log_ratio[:, None]
        if paths > 1:
            ratios = np.hstack([ratios, self._backward(rng, path.end, paths - 1, score)])
        return Candidates(self.center + path.end @ self.factor.T, self._averaged(ratios), component)

    def weigh(
        self,
        rng: np.random.Generator,
        x: np.ndarray,
        paths: int = 1,
        gradient: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Log of the mean of Q/B over paths drawn backwards from each point, shape (n,).

        Parameters
        ----------
        rng : numpy.random.Generator
            It is advanced.
        x : ndarray, shape (n, d)
            The points.
        paths : int
            Paths of each.
        gradient : callable, optional
            As in `draw`.
        """
        end = np.linalg.solve(self.factor, (x - self.center).T).T
        return self._averaged(self._backward(rng, end, paths, self._score(gradient)))

    def gradient_of(self, density: Density) -> Callable[[np.ndarray], np.ndarray] | None:
        """What `draw` and `weigh` take as the gradient; None where the kernel needs none.

        Parameters
        ----------
        density : Density
            Of the model's flat vector.
        """
        return (lambda x: density.with_gradient(x)[1]) if self.kernel.needs_score else None

    def save(self, path: str | FilePath) -> None:
        """Write to one file of NumPy's ``.npz`` format, without pickles.

        Parameters
        ----------
        path : str or Path
            The file; it is replaced as a whole.
        """
        header = {
            "format": FORMAT,
            "kernel": self.kernel.name,
            "settings": self.kernel.settings(),
            "names": self.layout.names,
            "shapes": self.layout.shapes,
            "report": self.report,
        }
        arrays = {"center": self.center, "factor": self.factor, **flattened(self.parameters)}
        write_arrays(path, header, arrays)

    @classmethod
    def load(cls, path: str | FilePath) -> Proposal:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Raises
        ------
        ValueError
            If it is no such file, is damaged, or of another format.
        """
        header, arrays = read_arrays(path)
        if "kernel" not in header or "format" not in header:
            raise ValueError(
                f"{str(path)!r} holds no proposal. Proposal.load reads what Proposal.save wrote;"
                " checkpoints are read by fit_diffusion."
            )
        if header["format"] != FORMAT:
            raise ValueError(
                f"{str(path)!r} is of format {header['format']!r}. This version reads format"
                f" {FORMAT}: fit the proposal again."
            )
        try:
            kernel = make_kernel(header["kernel"], **header["settings"])
            shapes = tuple(tuple(shape) for shape in header["shapes"])
            layout = Layout(tuple(header["names"]), shapes)
            center, factor = arrays.pop("center"), arrays.pop("factor")
            found = cls(kernel, nested(arrays), layout, center, factor, header["report"])
            found._check()
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f"{str(path)!r} lacks parts of a proposal, or has some that do not fit together"
                f" ({error!r}). It is damaged: fit the proposal again."
            ) from error
        return found

    def _check(self) -> None:
        """Refuse arrays that are not finite, or of which no point can be drawn."""
        arrays = {"center": self.center, "factor": self.factor, **flattened(self.parameters)}
        bad = [name for name, array in arrays.items() if not np.all(np.isfinite(array))]
        d = self.layout.size
        if bad or self.center.shape != (d,) or self.factor.shape != (d, d):
            raise ValueError(f"not finite: {bad}; {d} unknowns; center of {self.center.shape}")
        # Drifts of the target are not known here; the shapes of all else show.
        gradient = np.zeros_like if self.kernel.needs_score else None
        self.draw(np.random.default_rng(0), 2, gradient=gradient)

    def _score(self, gradient: Callable[[np.ndarray], np.ndarray] | None) -> Any:
        if gradient is None:
            return None
        return lambda y: gradient(self.center + y @ self.factor.T) @ self.factor

    def _backward(
        self, rng: np.random.Generator, end: np.ndarray, paths: int, score: Any
    ) -> np.ndarray:
        """Log Q/B of paths drawn backwards, shape (n, paths)."""
        ends = np.repeat(end, paths, axis=0)
        component = _pick(rng, self.kernel.log_components(NUMPY, self._frozen, ends))
        noise = rng.standard_normal((self.kernel.steps, *ends.shape))
        path = self.kernel.backward(NUMPY, self._frozen, ends, component, noise, score)
        return path.log_ratio.reshape(len(end), paths)

    def _averaged(self, ratios: np.ndarray) -> np.ndarray:
        """The mean over paths, of densities of x instead of y."""
        top = ratios.max(axis=1, keepdims=True)
        mean = top[:, 0] + np.log(np.mean(np.exp(ratios - top), axis=1))
        return mean - self._log_determinant


def _pick(rng: np.random.Generator, log_probability: np.ndarray) -> np.ndarray:
    """One index of each row, with these probabilities."""
    probability = np.cumsum(np.exp(log_probability), axis=1)
    level = rng.random((len(probability), 1)) * probability[:, -1:]
    return np.minimum((probability < level).sum(axis=1), probability.shape[1] - 1)
