"""The errors this package raises: the problem in one sentence, the reason or the fix in another."""

__all__ = [
    "GaussianLatentMachineError",
    "ImproperPosteriorError",
    "InvalidDataError",
    "RecognitionError",
    "SamplingError",
]


class GaussianLatentMachineError(Exception):
    """Base class of the package's errors."""


class RecognitionError(GaussianLatentMachineError, ValueError):
    """The model has no block to sample, or a recognised term differs from the model's density."""


class ImproperPosteriorError(GaussianLatentMachineError, ValueError):
    """The precision of the block is singular: some direction is informed by no factor."""


class InvalidDataError(GaussianLatentMachineError, ValueError):
    """Data or constants hold NaN or infinite values."""


class SamplingError(GaussianLatentMachineError, RuntimeError):
    """A sweep failed while sampling.

    Parameters
    ----------
    message : str
        What happened.
    partial : xarray.DataTree or None
        The draws made before the failure.
    """

    def __init__(self, message: str, partial: object | None = None) -> None:
        super().__init__(message)
        self.partial = partial
