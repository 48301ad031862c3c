"""How far the integers are from the floats, measured on the samples given to `ciro.compile`."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Optional, TypeVar


@dataclass(frozen=True)
class OutputAccuracy:
    """Deviation of one output from a float evaluation of the same model."""

    name: str
    """The output."""
    max_deviation: float
    """Largest absolute difference; for labels, of the class index."""
    mean_deviation: float
    """Mean absolute difference."""
    worst_sample: int
    """The sample with the largest difference."""
    same_class: Optional[float] = None
    """Part of the samples with the same class, from 0 to 1, where the output tells one."""


@dataclass(frozen=True)
class OperatorAccuracy:
    """Deviation of one operator's result."""

    node: str
    """The ONNX node."""
    operator: str
    """Its operator."""
    max_deviation: float
    """Largest absolute difference."""
    max_magnitude: float
    """Largest magnitude in floats."""


@dataclass(frozen=True)
class AccuracyReport:
    """Accuracy of the integer program on the samples. It is a measurement, not a bound."""

    samples: int
    """How many were run."""
    outputs: list[OutputAccuracy]
    """Each output."""
    operators: list[OperatorAccuracy]
    """Each operator whose result the program holds, in order."""

    @property
    def worst(self) -> Optional[OperatorAccuracy]:
        """The operator with the largest deviation."""
        return max(self.operators, key=lambda operator: operator.max_deviation, default=None)

    def __str__(self) -> str:
        lines = [f"accuracy on {self.samples} samples, integer against float"]
        for output in self.outputs:
            line = f"  {output.name}: largest deviation {output.max_deviation:.2e}, mean {output.mean_deviation:.2e}"
            lines.append(line if output.same_class is None else f"{line}, same class {output.same_class:.2%}")
        if self.worst is not None:
            lines.append(f"  largest inside: {self.worst.node} ({self.worst.operator}) {self.worst.max_deviation:.2e}")
        return "\n".join(lines)


_T = TypeVar("_T")


def from_json(text: str) -> AccuracyReport:
    """Reads `report.json`."""
    report = json.loads(text)
    return AccuracyReport(
        samples=report["samples"],
        outputs=[_known(OutputAccuracy, output) for output in report["outputs"]],
        operators=[_known(OperatorAccuracy, operator) for operator in report["operators"]],
    )


def _known(kind: type[_T], values: dict[str, Any]) -> _T:
    """The fields that this version knows: a later report may say more."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in names})
