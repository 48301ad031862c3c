"""A small ONNX graph builder that names and shapes things as PyTorch's exporter does.

Scalars become `Constant` nodes, weights become initializers, and every node carries the scope it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# A dimension is a number, or the name of one that is known when the model runs.
Shape = Sequence[Union[int, str]]
ELEMENT = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


class Graph:
    """One graph under construction; each method appends nodes and returns the name of the result."""

    def __init__(self, name: str, opset: int, rng: np.random.Generator) -> None:
        self.name, self.opset, self.rng = name, opset, rng
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._scope: list[str] = []
        self._count: dict[str, int] = {}

    def input(self, name: str, shape: Shape, dtype: str = "float32") -> str:
        """Declares a graph input."""
        self._inputs.append(helper.make_tensor_value_info(name, ELEMENT[dtype], list(shape)))
        return name

    def scope(self, name: str) -> Scope:
        """Nodes made inside `with graph.scope(name)` are called `/name/…`."""
        return Scope(self._scope, name)

    def op(self, kind: str, *operands: str, **attributes: Any) -> str:
        """Appends a node with one output."""
        return self.ops(kind, 1, *operands, **attributes)[0]

    def ops(self, kind: str, outputs: int, *operands: str, **attributes: Any) -> list[str]:
        """Appends a node with several outputs."""
        path = "/" + "/".join([*self._scope, kind])
        number = self._count.get(path, 0)
        self._count[path] = number + 1
        path += f"_{number}" if number else ""
        names = [f"{path}_output_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(operands), names, name=path, **attributes))
        return names

    def scalar(self, value: float, dtype: str = "float32") -> str:
        """A `Constant` node of rank zero."""
        return self.op("Constant", value=numpy_helper.from_array(np.array(value, dtype)))

    def integers(self, values: Sequence[int]) -> str:
        """A `Constant` node of rank one, as shapes and axes are given."""
        return self.op("Constant", value=numpy_helper.from_array(np.array(values, np.int64)))

    def weight(self, name: str, array: np.ndarray) -> str:
        """An initializer under the name it has in the module tree."""
        full = ".".join([*self._scope, name])
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), full))
        return full

    def normal(self, name: str, shape: Sequence[int], std: float, mean: float = 0.0) -> str:
        """An initializer of seeded normal numbers."""
        return self.weight(name, self.rng.normal(mean, std, shape).astype(np.float32))

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """A Reshape to numbers that are known."""
        return self.op("Reshape", x, self.integers(shape))

    def linear(self, name: str, x: str, wide: int, out: int, gain: float = 1.0) -> str:
        """`nn.Linear` on a tensor of rank three, which exports as MatMul and Add with the bias first."""
        with self.scope(name):
            weight = self.normal("weight", (wide, out), gain / np.sqrt(wide))
            return self.op("Add", self.normal("bias", (out,), 0.02), self.op("MatMul", x, weight))

    def layer_norm(self, name: str, x: str, width: int, epsilon: float) -> str:
        """`nn.LayerNorm` on the last axis: one operator from opset 17 on, nine before."""
        with self.scope(name):
            gamma = self.normal("weight", (width,), 0.1, mean=1.0)
            beta = self.normal("bias", (width,), 0.05)
            if self.opset >= 17:
                return self.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=epsilon)
            centred = self.op("Sub", x, self.op("ReduceMean", x, axes=[-1]))
            variance = self.op("ReduceMean", self.op("Pow", centred, self.scalar(2.0)), axes=[-1])
            deviation = self.op("Sqrt", self.op("Add", variance, self.scalar(epsilon)))
            return self.op("Add", self.op("Mul", self.op("Div", centred, deviation), gamma), beta)

    def finish(self, result: str, name: str, shape: Shape) -> onnx.ModelProto:
        """The checked model, with `result` as its only output under the name given."""
        return self.finish_all([(result, name, shape)])

    def finish_all(self, results: Sequence[tuple[str, str, Shape]]) -> onnx.ModelProto:
        """The checked model, with each result as an output under the name given."""
        named = {result: name for result, name, _ in results}
        for node in self._nodes:
            node.output[:] = [named.get(o, o) for o in node.output]
            node.input[:] = [named.get(i, i) for i in node.input]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for _, name, shape in results]
        graph = helper.make_graph(self._nodes, self.name, self._inputs, outputs, self._initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="ciro-bench", ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


class Scope:
    """Pushes a name for as long as it is entered."""

    def __init__(self, stack: list[str], name: str) -> None:
        self._stack, self._name = stack, name

    def __enter__(self) -> None:
        """Enters it."""
        self._stack.append(self._name)

    def __exit__(self, *_: object) -> None:
        """Leaves it."""
        self._stack.pop()
