"""The benchmark of gluing runs, and its figures are numbers that hold together."""

import json
import math

import pytest

from gluing import SAMPLERS, main

SMALL = "--data digits --latent 3 --hidden 16 --problems 3 --draws 40 --steps 40 --particles 100"


@pytest.mark.slow
def test_gluing_is_compared_with_its_absence(capsys):
    assert main([*SMALL.split(), "--operators", "box", "--json"]) == 0
    figures = json.loads(
        capsys.readouterr().out.splitlines()[-1],
        parse_constant=lambda name: pytest.fail(f"{name} is not a figure"),
    )
    assert 0.0 < figures["lost_by_coding"] < 1.0
    box = figures["operators"]["box"]
    assert 0.0 <= box["evidence_gap"] < 5.0
    for sampler in (*SAMPLERS, "smc", "reference"):
        low, high = box[sampler]["quartiles"]
        assert 0.0 < low <= box[sampler]["distance"] <= high
        assert 0.0 <= box[sampler]["coverage"] <= 1.0 and box[sampler]["CPU s"] >= 0.0
    # Draws of the second run are the closest to the first.
    assert box["reference"]["distance"] == min(box[s]["distance"] for s in (*SAMPLERS, "reference"))
    for sampler in ("gml_dps", "psld"):
        mean, error = box[f"{sampler}_over_dps"]
        assert math.isfinite(mean) and error > 0.0
