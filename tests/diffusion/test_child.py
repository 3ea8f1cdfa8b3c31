"""The process that trains: what it sends back, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from types import SimpleNamespace

import pytest

from pymc_glm.diffusion import child
from pymc_glm.diffusion.child import run_apart
from pymc_glm.exceptions import SamplingError


class Demanding(Exception):
    """It cannot be made again from its message."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def squared(job, channel):
    channel.send("half")
    return job**2, os.getpid()


def fails(job, channel):
    raise job


def interrupts_itself(job, channel):
    os.kill(os.getpid(), signal.SIGINT)
    assert channel.is_stopped()
    if job > 1:
        os.kill(os.getpid(), signal.SIGINT)
    return "stopped"


@pytest.fixture
def without_jax(monkeypatch):
    """As in a process in which JAX has not been at work, which other tests may have left."""
    monkeypatch.setattr(child, "_jax_has_threads", lambda: False)


@pytest.fixture
def with_jax(monkeypatch):
    monkeypatch.setattr(child, "_jax_has_threads", lambda: True)


def test_results_and_progress_arrive(without_jax):
    seen = []
    result, pid = run_apart(squared, 3, seen.append)
    assert result == 9 and seen == ["half"] and pid != os.getpid()


def test_errors_arrive(without_jax):
    with pytest.raises(ValueError, match="no such thing") as caught:
        run_apart(fails, ValueError("no such thing"), print)
    [note] = caught.value.__notes__
    assert note.startswith("In the process that trains:\nTraceback") and "in fails" in note
    with pytest.raises(SamplingError, match="in words") as caught:
        run_apart(fails, SamplingError("in words"), print)
    assert not hasattr(caught.value, "__notes__")
    # An interrupt that the function obeys.
    with pytest.raises(KeyboardInterrupt):
        run_apart(fails, KeyboardInterrupt(), print)


def demands(job, channel):
    raise Demanding("this", "that")


def test_errors_that_cannot_be_sent_are_told(without_jax):
    with pytest.raises(SamplingError, match=r"failed with Demanding: this and that\. It is eval"):
        run_apart(demands, None, print)


def test_workers_of_a_pool_do_it_themselves(without_jax, monkeypatch):
    daemonic = SimpleNamespace(current_process=lambda: SimpleNamespace(daemon=True))
    monkeypatch.setattr(child, "multiprocessing", daemonic)
    assert run_apart(squared, 3, print) == (9, os.getpid())


def test_a_second_interrupt_is_obeyed_at_once(with_jax):
    before = signal.getsignal(signal.SIGINT)
    assert run_apart(interrupts_itself, 1, print) == "stopped"
    with pytest.raises(KeyboardInterrupt):
        run_apart(interrupts_itself, 2, print)
    assert signal.getsignal(signal.SIGINT) is before


SCRIPT = """
import time
from pymc_glm.diffusion.child import run_apart

def forever(job, channel):
    channel.send("begun")
    while not channel.is_stopped():
        time.sleep(0.01)
    while True:
        channel.send("")

if __name__ == "__main__":
    run_apart(forever, None, lambda text: print(text, flush=True))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no signals that kill")
def test_it_ends_with_the_process_that_began_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        parent.stdout.readline()
        parent.kill()
        # The streams end when the last process that has them does, and it says nothing.
        assert parent.communicate(timeout=60) == ("", "")
