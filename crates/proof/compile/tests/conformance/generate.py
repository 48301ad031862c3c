"""Writes ONNX's own single-operator tests to a folder, for the test `conformance` of this crate:

    pip install onnx numpy
    python generate.py OUT
    CIRO_CONFORMANCE=OUT cargo test --release -p ciro-compile --test suite -- --ignored conformance

Each case becomes OUT/NAME/model.onnx with input_I.pb and output_I.pb of its first data set (serialised TensorProtos).
"""

import pathlib
import sys

from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def tensor(value, name):
    return value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)


def write(case, out):
    graph = case.model.graph
    if not all(value.type.HasField("tensor_type") for value in [*graph.input, *graph.output]):
        return
    folder = out / case.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    inputs, outputs = case.data_sets[0]
    for kind, values, infos in [("input", inputs, graph.input), ("output", outputs, graph.output)]:
        for i, (value, info) in enumerate(zip(values, infos)):
            (folder / f"{kind}_{i}.pb").write_bytes(tensor(value, info.name).SerializeToString())


def main():
    out = pathlib.Path(sys.argv[1])
    for case in collect_testcases(None):
        try:
            write(case, out)
        except (TypeError, ValueError, AttributeError) as error:
            print(f"{case.name}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
