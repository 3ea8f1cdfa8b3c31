"""Configuration of the documentation."""

import sys

from pathlib import Path

import pymc_glm

DOCS = Path(__file__).parent

project = "pymc-glm"
author = "The pymc-glm developers"
copyright = f"2026, {author}"
release = pymc_glm.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# One entry per name: attributes are described in their class, and types where they matter.
napoleon_use_ivar = True
napoleon_google_docstring = False
autodoc_typehints = "none"

html_theme = "alabaster"
html_title = f"pymc-glm {release}"
html_theme_options = {
    "description": "Gaussian Latent Machine: exact block Gibbs sampling for PyMC models",
    "page_width": "64rem",
}


def spelling_table(title, spellings):
    """One table row per spelling that the tests build, recognise and check."""
    lines = [f"### {title}", "", "| what you write | in the block |", "|---|---|"]
    for case in spellings:
        block = ", ".join(f"`{name}`" for name in case.block)
        description = case.description.rstrip(".").replace("|", "\\|")
        lines.append(f"| {description} | {block} |")
    return "\n".join([*lines, ""])


def write_spellings():
    """Write the table of what is recognised from the list that the tests run over."""
    sys.path.insert(0, str(DOCS.parent / "tests" / "recognize"))
    from spellings_experts import EXPERTS
    from spellings_likelihoods import LIKELIHOODS
    from spellings_linear import LINEAR
    from spellings_scale import SCALE

    tables = [
        spelling_table("Linear predictors and shapes", LINEAR),
        spelling_table("Scales, covariances and structured priors", SCALE),
        spelling_table("Experts and potentials", EXPERTS),
        spelling_table("Likelihoods and penalties with latents of their own", LIKELIHOODS),
    ]
    target = DOCS / "_generated"
    target.mkdir(exist_ok=True)
    (target / "spellings.md").write_text("\n".join(tables), encoding="utf-8")


write_spellings()
