"""What compiled code asks of the registry: a callback, and the programs of operators.

Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from pymc_glm.numba_support import kernel
from pymc_glm.operators.registry import APPLY_SYMBOL, ENTRY, TABLE_SYMBOL, install

__all__ = ["apply_external", "find_program"]

install()

apply_external: Any = types.ExternalFunction(
    APPLY_SYMBOL,
    types.int64(types.int64, types.int64, types.intp, types.int64, types.intp, types.int64),
)


@intrinsic
def _table_address(typingctx):
    """Address of the table's root: the symbol is data, which numba cannot name."""

    def codegen(context, builder, signature, arguments):
        module = builder.module
        symbol = module.globals.get(TABLE_SYMBOL)
        if symbol is None:
            symbol = ir.GlobalVariable(module, ir.IntType(64), TABLE_SYMBOL)
        return builder.ptrtoint(symbol, ir.IntType(64))

    return types.int64(), codegen


def _pointer_to(dtype):
    """Intrinsic that turns an address into a pointer."""

    @intrinsic
    def pointer(typingctx, address):
        def codegen(context, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(dtype)(types.int64), codegen

    return pointer


_to_integers = _pointer_to(types.int64)
_to_floats = _pointer_to(types.float64)

UNKNOWN = (
    "Compiled code asks for an operator that this process does not know. Compile the function in "
    "the process that runs it."
)


@kernel
def find_program(handle):
    """Integers and floats of the program published under a handle."""
    root = carray(_to_integers(_table_address()), (2,))  # type: ignore[call-arg]
    count = root[0]
    entries = carray(_to_integers(root[1]), (count, ENTRY))
    for i in range(count):
        if entries[i, 0] == handle:
            integers = carray(_to_integers(entries[i, 1]), (entries[i, 2],))
            floats = carray(_to_floats(entries[i, 3]), (entries[i, 4],))
            return integers, floats
    raise RuntimeError(UNKNOWN)
