"""The printed table of a machine: per variable its role, family, map and update."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from pymc_glm.machine.factor import Factor
from pymc_glm.machine.moves import update_in_words

if TYPE_CHECKING:
    from pymc_glm.machine.machine import LatentMachine

__all__ = ["machine_html", "machine_text"]

VARIABLE_HEADER = ("variable", "role", "size", "update")
SCANS = ("", ", then one by one without latents", ", then twice one by one without latents")
FACTOR_HEADER = ("term", "family", "map", "structure")


def variable_rows(machine: LatentMachine) -> list[tuple[str, ...]]:
    """One row per free variable: name, role, size and how it is updated."""
    names = [factor.term for factor in machine.factors]
    rows: list[tuple[str, ...]] = [
        (
            variable.rv_name,
            "block",
            str(variable.size),
            _move(machine) + ("" if variable.multiple is None else " of its multiple"),
        )
        for variable in machine.block
    ]
    rows += [
        (
            variable.rv_name,
            "alternate block",
            str(variable.size),
            "joint Gaussian draw, given the block",
        )
        for alternate in machine.alternates
        for variable in alternate.block
    ]
    rows += [
        (hyper.rv_name, "hyperparameter", str(hyper.size), update_in_words(machine, hyper))
        for hyper in machine.hyperparameters
    ]
    rows += [
        (latent.rv_name, "latent", str(latent.order.size), f"drawn with {names[latent.factor]}")
        for latent in machine.latents
    ]
    rows += [(guest.rv_name, "guest", "", "another step method") for guest in machine.guests]
    return rows


def _move(machine: LatentMachine) -> str:
    """How the block is updated, in words."""
    if machine.reference is None:
        return "joint Gaussian draw" + SCANS[min(machine.scans, 2)]
    return f"joint Metropolis move, {machine.reference.steps} steps from a Gaussian"


def _plan(machine: LatentMachine) -> str:
    """What is factorised, and what for."""
    if machine.reference is None:
        return f"Gaussian draw: {machine.plan.reason}"
    return (
        f"Gaussian reference of the Metropolis moves: {machine.plan.reason} About"
        f" {machine.reference.acceptance:.0%} of the moves are accepted."
    )


def factor_rows(machine: LatentMachine) -> list[tuple[str, ...]]:
    """One row per factor: term, family, shape of the map and its structure."""
    return [
        (
            factor.term,
            factor.family.name,
            f"{factor.linear_map.shape[0]} x {factor.linear_map.shape[1]}",
            factor.linear_map.structure()
            + ("" if factor.linear_map.is_constant else ", depends on other variables"),
        )
        for factor in machine.factors
    ]


def remarks(machine: LatentMachine) -> list[str]:
    """One sentence per refusal and per guest."""
    lines = [
        f"{refusal.variable} is not in the block because of {refusal.term}: {refusal.reason}."
        for refusal in machine.refused
    ]
    lines += [
        f"{guest.rv_name} is left to another step method: {guest.reason}."
        for guest in machine.guests
    ]
    if machine.guests:
        lines.append(
            "pymc_glm.sample() cannot update that; "
            "pm.sample(step=pymc_glm.GaussianLatentGibbs()) can."
        )
    lines += [
        f"{factor.term} has {factor.responses} responses of {machine.size} unknowns and an unknown"
        " scale: taken literally its density may grow without bound as the scale goes to zero. See"
        " docs/normaliser.md for the term that makes it a normalised prior."
        for factor in machine.factors
        if _is_overcomplete(factor, machine.size)
    ]
    return lines


def _is_overcomplete(factor: Factor, unknowns: int) -> bool:
    """Whether a prior has more responses than unknowns, and a scale that is learned."""
    scale = factor.parameters.get("scale")
    if scale is None or isinstance(scale, np.ndarray) or not isinstance(factor.offset, np.ndarray):
        return False
    return factor.family.is_relative and factor.responses > unknowns and not factor.offset.any()


def machine_text(machine: LatentMachine) -> str:
    """The machine as plain text."""
    parts = [
        f"Gaussian latent machine: {_count(machine.size, 'unknown')} in "
        f"{_count(len(machine.block), 'block variable')}, {_count(len(machine.factors), 'factor')}",
        _text_table(VARIABLE_HEADER, variable_rows(machine)),
        _text_table(FACTOR_HEADER, factor_rows(machine)),
        _plan(machine),
        *remarks(machine),
    ]
    return "\n\n".join(parts[:4]) + "".join(f"\n{line}" for line in parts[4:])


def machine_html(machine: LatentMachine) -> str:
    """The machine as an HTML fragment."""
    items = "".join(f"<li>{escape(line)}</li>" for line in remarks(machine))
    return (
        '<div class="pymc-glm-machine">'
        "<p><strong>Gaussian latent machine</strong>: "
        f"{_count(machine.size, 'unknown')} in the block, "
        f"{_count(len(machine.factors), 'factor')}. "
        f"{escape(_plan(machine))}</p>"
        + _html_table(VARIABLE_HEADER, variable_rows(machine))
        + _html_table(FACTOR_HEADER, factor_rows(machine))
        + (f"<ul>{items}</ul>" if items else "")
        + "</div>"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _text_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, tuple("-" * width for width in widths), *rows]
    ]
    return "\n".join(lines)


def _html_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
