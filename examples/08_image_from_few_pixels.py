"""A digit from three tenths of its pixels: the exact posterior beside a diffusion sampler.

The prior is a mixture of ten Gaussians on twenty principal components of 1500 digits, and a
variance for what these leave out. Its posterior is known in closed form. PSLD (Rout et al., 2023,
arXiv:2307.00619) guides a reverse diffusion by the data and has no place for what codes leave out.
Its pictures look right, and its intervals are too narrow: see `docs/inverse_problems.md`.
"""

import copy

import matplotlib.pyplot as plt
import numpy as np

from sklearn.datasets import load_digits

from pymc_glm.inverse import InverseProblem, LatentMixturePrior, coverage, exact_posterior, psld
from pymc_glm.operators import Mask

NOISE, DRAWS, SHOWN = 0.1, 200, (3, 8)
digits = load_digits().images / 8 - 1
truths, rng = digits[1500:1520], np.random.default_rng(2307)
prior = LatentMixturePrior.fit(digits[:1500], latent=20, components=10)
bare = copy.deepcopy(prior)
bare.decoder.residual_variance = 0.0

seen, found = [], {"exact posterior": [], "PSLD": []}
for seed, truth in enumerate(truths):
    observe = Mask(rng.random(truth.shape) < 0.3)
    y = observe.forward(truth) + NOISE * rng.standard_normal(observe.shape_out)
    seen.append(np.where(observe.adjoint(np.ones(len(y))) > 0, observe.adjoint(y), np.nan))
    problem, without = (InverseProblem(each, observe, y, NOISE) for each in (prior, bare))
    exact = exact_posterior(problem).sample(problem, DRAWS, 1, seed)
    options = {"steps": 250, "random_seed": seed, "progressbar": False}
    guided = psld(without, DRAWS, measurement_step=0.3, **options)
    for draws, tree in zip(found.values(), (exact, guided), strict=True):
        draws.append(tree["posterior"]["image"].to_numpy()[0])

fig, axes = plt.subplots(4, 8, figsize=(13, 7.2), layout="constrained")
for row, (name, draws) in enumerate(found.items()):
    held = np.mean([coverage(*pair) for pair in zip(draws, truths, strict=True)])
    errors = np.mean((np.array(draws) - truths[:, None]) ** 2, axis=(1, 2, 3))
    of_mean = np.mean((np.mean(draws, axis=1) - truths) ** 2, axis=(1, 2))
    mean, one = (np.mean(10 * np.log10(4 / each)) for each in (of_mean, errors))
    print(f"{name}: 0.9 intervals hold {held:.0%} of the pixels of {len(truths)} digits")
    print(f"PSNR of the posterior mean {mean:.1f} dB, of one draw {one:.1f} dB")
    for panels, i in zip(axes[row::2], SHOWN, strict=True):
        grey = {"cmap": plt.get_cmap("gray").with_extremes(bad="tab:blue"), "vmin": -1, "vmax": 1}
        shown = (truths[i] if row == 0 else seen[i], draws[i].mean(axis=0), *draws[i][:4])
        for panel, picture in zip(panels[[0, 1, 3, 4, 5, 6]], shown, strict=True):
            panel.imshow(picture, **grey)
        sd = panels[2].imshow(draws[i].std(axis=0), vmin=0, vmax=0.6)
        low, high = np.quantile(draws[i], [0.05, 0.95], axis=0)
        panels[7].imshow((truths[i] < low) | (truths[i] > high), cmap="Reds", vmin=0, vmax=1.5)
        panels[0].set(ylabel=name, xlabel=("truth", "data")[row])
for panel, title in zip(axes[0], ("", "mean", "sd", *["draw"] * 4, "truth outside"), strict=True):
    panel.set_title(title)
plt.setp(axes, xticks=[], yticks=[])
fig.colorbar(sd, ax=axes[:, 7], label="standard deviation (third column)", shrink=0.5)
fig.savefig("image_from_few_pixels.png", dpi=100)
