"""A quarter of a million pixels, a run that is interrupted, and one that goes on.

All draws of 512 x 512 pixels would fill gigabytes. A stream keeps summaries of each pixel instead,
and its store where each chain is. Something presses Ctrl-C at the first checkpoint, and the same
call with `resume=True` goes on: its result is that of a run without interruption. A hundred draws
do for means and standard deviations; the worst of 262,144 R-hats takes more.

See also `05_deblurring.py`, for the problem.
"""

import resource
import signal
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


def press_ctrl_c(folder, finished):
    """Interrupt the program once a chain has written down where it is."""
    while not finished.wait(0.02):
        if list(Path(folder).glob("run.zarr.checkpoint/chain_*.npz")):
            return signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    chosen = imaging.options(draws=100, side=512, chains=2, tune=15, seconds=20.0)
    [problem] = problems(chosen.side)
    print(pymc_glm.explain(problem.model))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ignored in background jobs.
    run = {"model": problem.model, "random_seed": 1, "checkpoint_seconds": chosen.seconds}
    run |= {name: getattr(chosen, name) for name in ("draws", "tune", "chains")}
    with tempfile.TemporaryDirectory() as folder:
        run |= {"store": f"{folder}/run.zarr", "keep": "none"}
        finished = threading.Event()
        (saboteur := threading.Thread(target=press_ctrl_c, args=(folder, finished))).start()
        try:
            tree = pymc_glm.stream(**run)
            print("The first call ended after", tree["summary"].attrs["draws_made"], "draws")
            finished.set()
            saboteur.join()
        except KeyboardInterrupt:
            print("Interrupted before the first draw or after the last")
        found = imaging.report(problem, pymc_glm.stream(resume=True, **run))
        imaging.draw_panels([found], "large_image.png", row=0.3)
    print(f"Peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
