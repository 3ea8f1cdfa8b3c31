"""The fixed parts of the report: style sheet and the text for students."""

from __future__ import annotations

__all__ = ["HOW_TO_READ", "KNOWN_NOTES", "SHELL", "STYLE"]

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 64rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem;
  border-bottom: 1px solid #bbb; padding-bottom: .2rem; }
.verdict { padding: .8rem 1rem; border-left: .6rem solid; border-radius: .2rem;
  font-size: 1.05rem; }
.verdict p { margin: .2rem 0; }
.verdict ul { margin: .4rem 0; padding-left: 1.2rem; font-size: 1rem; }
.green { border-color: #00694b; background: #e5f4ee; }
.amber { border-color: #a66a00; background: #fdf3df; }
.red { border-color: #b3261e; background: #fbe9e7; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; }
caption { text-align: left; color: #444; padding-bottom: .3rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; }
th[scope=row] { font-weight: normal; min-width: 9rem; }
.numbers td, .numbers th { text-align: right; }
.numbers td.text, .numbers th.text, .numbers th[scope=row] { text-align: left; }
.note { font-size: .92rem; margin: .5rem 0; }
td small { display: block; color: #444; }
.figures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }
figure { margin: 0; } img { max-width: 100%; height: auto; display: block; }
.single { max-width: 42rem; }
dt { font-weight: 600; margin-top: .7rem; } dd { margin-left: 0; }
.card td, .card th { overflow-wrap: anywhere; }
.card th { min-width: 6rem; }
@media (max-width: 32rem) {
  table { font-size: .84rem; } th, td { padding: .25rem .3rem; } th[scope=row] { min-width: 6rem; }
}
"""

SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""

HOW_TO_READ = """
<p>Every sampler on this page draws from the same posterior distribution. They differ in how much
each draw tells you and in how long it takes. Read the page from top to bottom: a fast sampler
that is wrong is worth nothing, so agreement and convergence come before speed.</p>
<dl>
<dt>Effective sample size (ESS)</dt>
<dd>Draws of a Markov chain resemble their predecessors. 1000 draws with an ESS of 200 tell as much
about the posterior mean as 200 independent draws. The <em>bulk</em> ESS is about the middle of the
distribution, the <em>tail</em> ESS about its 5% and 95% quantiles. The table shows the worst
coordinate, since a run is only as good as that one.</dd>
<dt>R-hat</dt>
<dd>Compares the variation between chains with the variation within them. Chains that have
forgotten where they started give a number close to 1. Above 1.01 a sampler counts as not
converged here, and so it does with fewer than 100 effective draws per chain. With thousands of
coordinates the largest R-hat exceeds 1.01 by chance unless the ESS is in the thousands; then
sample longer.</dd>
<dt>ESS per second</dt>
<dd>The main figure divides the smallest ESS by the wall time of the kept draws only. Compilation
happens once per model (with the training of a learned proposal, which other data need again) and
warm-up once per run, so the figure says how fast a long run is. The
figure <em>in all</em> counts compilation and warm-up as well: it says how fast <em>this</em> run
was. Seconds vary with what else the computer does; trust factors of two, not of 1.2.</dd>
<dt>ESS per step</dt>
<dd>The same without a clock: per gradient for NUTS, MALA and MCLMC, per sweep for Gibbs, per
evaluation of the posterior for learned proposals. A sweep and a gradient do not cost the same, so
compare it within one kind of sampler.</dd>
<dt>Monte Carlo standard error (MCSE)</dt>
<dd>How far a mean computed from these draws may be from the true posterior mean, because the
number of draws is finite. A value of 0.05 posterior standard deviations is about what 400
effective draws give.</dd>
<dt>Agreement</dt>
<dd>Two correct samplers differ by Monte Carlo error only. Every mean and quantile is compared in
units of the joint standard error. The more comparisons, the larger the largest of them is by
chance; the grey band allows for that (Bonferroni, one false alarm in a thousand pages). Quantiles
are compared by the fraction of draws below them. Points outside the band mean that at least one
sampler is wrong, or did not converge.</dd>
<dt>Unadjusted samplers</dt>
<dd>MCLMC follows a discretised path and corrects nothing, so its draws are biased however many
there are. That bias may be smaller than Monte Carlo error here and larger in the next model. Such a
sampler is never the reference and never the one to use, however fast it is.</dd>
<dt>Rank plots</dt>
<dd>All draws of a coordinate are ranked together. If the chains sample the same distribution,
each has as many small ranks as large ones: flat lines inside the grey band. A slope means a chain
sits too high or too low; a hill or a valley means that its spread differs.</dd>
<dt>Effective draws against draws</dt>
<dd>A healthy sampler gives a straight line that keeps rising. A curve that flattens has found
something new late in the run: do not trust it yet.</dd>
<dt>Autocorrelation</dt>
<dd>How much a draw resembles the one so many steps before it. The sooner the curve reaches zero,
the more each draw is worth. Below zero is possible, and better still.</dd>
<dt>Divergent transitions</dt>
<dd>Only Hamiltonian samplers such as NUTS have them. They mark places where the posterior is too
sharply curved for the step size, and where draws may be missing. Other samplers show n/a:
they have no such warning, which does not make them safer.</dd>
</dl>
"""

KNOWN_NOTES = """
<p class="note">The distance is the sliced Wasserstein distance, in standard deviations of the
posterior. No sampler gets below the floor but by chance: compare the ratio, and expect more than
one of a Markov chain, whose draws resemble one another. The error of the masses of modes is
between 0, all right, and 1, all wrong.</p>
<p class="note"><strong>PSNR of one draw rewards the wrong sampler.</strong> Draws that are too
close to one another are closer to the truth, one by one, than draws of the posterior: a sampler
that returned the mean every time would win. Neither choose nor tune a sampler by it. Coverage and
the distance tell whether the spread is right.</p>
"""
