"""What all tests share."""

import os

# Two cores are what the tests are written for; more BLAS threads would only slow them down.
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
