"""How kernels are compiled and cached, and how PyTensor's numba linker finds them.

Importing this module imports numba, so nothing on the path of ``import pymc_glm`` does.
"""

from __future__ import annotations

import hashlib

from collections.abc import Callable
from pathlib import Path

import numba

from pytensor.graph.basic import Variable
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS, compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.tensor.random.type import RandomGeneratorType

from pymc_glm.ops import KernelOp

__all__ = ["KERNEL_HASH", "compile_source", "kernel"]


def _hash_of_kernel_sources() -> str:
    """Hash every kernel module: numba does not notice when a callee in another file changes."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*kernels.py")):
        digest.update(path.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()


KERNEL_HASH = _hash_of_kernel_sources()


def kernel(function: Callable) -> Callable:
    """Compile a kernel with numba, without the GIL, and keep it in PyTensor's numba cache.

    Parameters
    ----------
    function : callable
        A function that numba can compile; arrays are C-contiguous, float64 or int64.

    Returns
    -------
    dispatcher : callable
        The compiled function.
    """
    CACHED_SRC_FUNCTIONS[function] = f"{function.__module__}.{function.__qualname__}-{KERNEL_HASH}"
    # Unless told otherwise a kernel inherits PyTensor's fastmath flags from its caller: its draws
    # would then depend on who compiled it first, and cancellation-free code could be rearranged.
    return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False)(function)


def compile_source(source: str, name: str, environment: dict, key: str) -> Callable:
    """Compile generated source that calls kernels, cached under ``key`` and the kernels' hash.

    Parameters
    ----------
    source : str
        The text of one function.
    name : str
        Its name.
    environment : dict
        Global names that the source uses.
    key : str
        What tells this source from any other that the package generates.

    Returns
    -------
    function : callable
        The function, not compiled yet.
    """
    # numba rebuilds a cached function from the module its globals name.
    environment = {"__name__": __name__, **environment}
    return compile_numba_function_src(source, name, environment, cache_key=f"{key}-{KERNEL_HASH}")


def _argument(name: str, variable: Variable) -> str:
    """How an input is handed to a kernel: as a vector of one entry, or contiguous."""
    if isinstance(variable.type, RandomGeneratorType):
        return name
    # A scalar may be a view of unknown strides, which cannot be reshaped.
    if variable.type.ndim == 0:
        return f"np.full(1, np.asarray({name}).item())"
    return f"np.ascontiguousarray({name})"


@register_funcify_and_cache_key(KernelOp)
def _funcify_kernel_op(op: KernelOp, node, **_) -> tuple[Callable, str]:
    names = [f"a{i}" for i in range(len(node.inputs))]
    arguments = [
        _argument(name, variable) for name, variable in zip(names, node.inputs, strict=True)
    ]
    results = [f"r{i}" for i in range(len(op.outputs))]
    wrapped = [
        f"np.asarray({result})" if ndim == 0 else result
        for result, (_, ndim) in zip(results, op.outputs, strict=True)
    ]
    if op.stochastic:
        wrapped = [names[0], *wrapped]
    source = (
        f"def {op}_op({', '.join(names)}):\n"
        f"    {', '.join(results)} = function({', '.join(arguments)})\n"
        f"    return {', '.join(wrapped)}\n"
    )
    shapes = "".join(
        "g" if isinstance(variable.type, RandomGeneratorType) else str(variable.type.ndim)
        for variable in node.inputs
    )
    # File names of the cache are made of the key, and their length is limited.
    text = f"{op.kernel}-{op.outputs}-{op.stochastic}-{shapes}"
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    function = compile_source(
        source, f"{op}_op", {"function": op.function(), "np": __import__("numpy")}, key
    )
    return numba_njit(function), f"{key}-{KERNEL_HASH}"
