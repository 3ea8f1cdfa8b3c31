"""Linear inverse problems under a mixture prior on latent codes: exact, SMC, and heuristics."""

from pymc_glm.inverse.autoencoder import fit_autoencoder
from pymc_glm.inverse.decoders import AbstractDecoder, NetworkDecoder, PrincipalComponents
from pymc_glm.inverse.exact import MixturePosterior, exact_posterior
from pymc_glm.inverse.guided import dps, gml_dps, psld
from pymc_glm.inverse.metrics import LatentScores, coverage, latent_scores, psnr, sliced_wasserstein
from pymc_glm.inverse.model import to_model
from pymc_glm.inverse.prior import LatentMixturePrior
from pymc_glm.inverse.problem import InverseProblem
from pymc_glm.inverse.schedule import signal_shares
from pymc_glm.inverse.smc import smc
from pymc_glm.inverse.tempered import tempered

__all__ = [
    "AbstractDecoder",
    "InverseProblem",
    "LatentMixturePrior",
    "LatentScores",
    "MixturePosterior",
    "NetworkDecoder",
    "PrincipalComponents",
    "coverage",
    "dps",
    "exact_posterior",
    "fit_autoencoder",
    "gml_dps",
    "latent_scores",
    "psld",
    "psnr",
    "signal_shares",
    "sliced_wasserstein",
    "smc",
    "tempered",
    "to_model",
]
