"""Functions that FunctionTransformer applies to every number, as ONNX nodes: what skl2onnx leaves out.

NumPy's functions are known by name. A function of Python's own has no form that could be exported.
"""

from __future__ import annotations

import copy
from types import ModuleType
from typing import Any, NamedTuple, Optional

import numpy as np

from ciro.errors import CompileError


class Node(NamedTuple):
    """An operator, and its second operand where it takes a constant."""

    operator: str
    constant: Optional[float] = None


NODES = {
    "log1p": [Node("Add", 1.0), Node("Log")],
    "log": [Node("Log")],
    "log2": [Node("Log"), Node("Mul", float(1 / np.log(2)))],
    "log10": [Node("Log"), Node("Mul", float(1 / np.log(10)))],
    "exp": [Node("Exp")],
    "expm1": [Node("Exp"), Node("Add", -1.0)],
    "sqrt": [Node("Sqrt")],
    "square": [Node("Pow", 2.0)],
    "absolute": [Node("Abs")],
    "negative": [Node("Neg")],
    "reciprocal": [Node("Reciprocal")],
    "tanh": [Node("Tanh")],
    "sin": [Node("Sin")],
    "cos": [Node("Cos")],
}


def register(skl2onnx: ModuleType, parts: list[Any]) -> None:
    """Teaches skl2onnx the functions of these estimators, if there are any."""
    applied = [part for part in parts if type(part).__name__ == "FunctionTransformer" and part.func is not None]
    for part in applied:
        if _nodes(part) is None:
            name = getattr(part.func, "__name__", repr(part.func))
            raise CompileError(
                f"FunctionTransformer applies {name}, which is no function of NumPy's that can be exported",
                f"apply it before the model, or use one of numpy's {', '.join(NODES)}",
            )
    if applied:
        skl2onnx.update_registered_converter(type(applied[0]), "CiroFunctionTransformer", _shape, _convert)


def _nodes(part: Any) -> Optional[list[Node]]:
    if part.func is None:
        return []
    is_known = isinstance(part.func, np.ufunc) and not part.kw_args
    return NODES.get(part.func.__name__) if is_known else None


def _shape(operator: Any) -> None:
    widths = [variable.type.shape[1] for variable in operator.inputs]
    operator.outputs[0].type = copy.deepcopy(operator.inputs[0].type)
    operator.outputs[0].type.shape = [operator.inputs[0].get_first_dimension(), sum(widths)]


def _convert(scope: Any, operator: Any, container: Any) -> None:
    names = [variable.full_name for variable in operator.inputs]
    name = names[0]
    if len(names) > 1:
        name = scope.get_unique_variable_name("columns")
        container.add_node("Concat", names, name, axis=1, name=scope.get_unique_operator_name("Concat"))
    for node in _nodes(operator.raw_operator) or []:
        operands = [name]
        if node.constant is not None:
            operands.append(scope.get_unique_variable_name("constant"))
            container.add_initializer(operands[1], 1, [1], [node.constant])
        name = scope.get_unique_variable_name("applied")
        container.add_node(node.operator, operands, name, name=scope.get_unique_operator_name(node.operator))
    container.add_node(
        "Identity", [name], operator.outputs[0].full_name, name=scope.get_unique_operator_name("Identity")
    )
