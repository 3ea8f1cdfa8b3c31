"""A quarter of a million pixels, a run that is interrupted, and one that goes on.

All draws of 512 x 512 pixels would fill gigabytes. A stream keeps summaries of every pixel instead,
and its store keeps where each chain is. Here something presses Ctrl-C at the first checkpoint. The
same call with `resume=True` goes on; its result is that of a run without interruption.
A hundred draws do for means and standard deviations; the worst of 262,144 R-hats takes more.

See also `05_deblurring.py`, for the problem.
"""

import _thread
import resource
import tempfile
import threading

from pathlib import Path

import imaging

import pymc_glm

from pymc_glm.operators import Convolution, gaussian_kernel


def problems(side):
    truth = imaging.photograph(side)
    blur = Convolution(gaussian_kernel(7, 1.5), truth.shape, boundary="reflect")
    data = imaging.measure(blur, truth, 0.02)
    yield imaging.Problem("deblurring", truth, data, imaging.total_variation(blur, data, 0.02))


def press_ctrl_c(checkpoints, finished):
    """Interrupt the main thread once a chain has written down where it is."""
    while not finished.wait(0.02):
        if list(checkpoints.glob("chain_*.npz")):
            return _thread.interrupt_main()


if __name__ == "__main__":
    chosen = imaging.options(draws=100, side=512, chains=2, tune=15, seconds=40.0)
    [problem] = problems(chosen.side)
    print(pymc_glm.explain(problem.model))
    run = {"model": problem.model, "random_seed": 1, "checkpoint_seconds": chosen.seconds}
    run |= {name: getattr(chosen, name) for name in ("draws", "tune", "chains")}
    with tempfile.TemporaryDirectory() as folder:
        run |= {"store": f"{folder}/run.zarr", "keep": "none"}
        finished, checkpoints = threading.Event(), Path(f"{folder}/run.zarr.checkpoint")
        saboteur = threading.Thread(target=press_ctrl_c, args=(checkpoints, finished))
        saboteur.start()
        try:
            tree = pymc_glm.stream(**run)
            print("Interrupted after", tree["summary"].attrs["draws_made"], "draws of the chains")
            finished.set()
            saboteur.join()
        except KeyboardInterrupt:
            print("Interrupted before the first draw or after the last")
        found = imaging.report(problem, pymc_glm.stream(resume=True, **run))
    print(f"Peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    imaging.draw_panels([found], "large_image.png", row=0.3)
