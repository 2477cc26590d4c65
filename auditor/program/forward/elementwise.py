"""What operators and functions of torch do to each element, by the names that numpy has for it."""

from __future__ import annotations

import ast

NUMPY = {
    "abs": "abs", "absolute": "abs", "neg": "negative", "minimum": "minimum", "maximum": "maximum", "add": "add",
    "sub": "subtract", "subtract": "subtract", "mul": "multiply", "le": "less_equal", "lt": "less", "gt": "greater",
    "ge": "greater_equal", "eq": "equal", "ne": "not_equal", "remainder": "remainder", "fmod": "fmod", "exp": "exp",
}  # fmt: skip
OPERATIONS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.BitAnd: "bitwise_and",
    ast.BitOr: "bitwise_or",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.BitXor: "bitwise_xor",
    ast.Pow: "power",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}
