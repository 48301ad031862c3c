"""How far the integers are from the floats, measured on the samples given to `ciro.compile`."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Optional, TypeVar


@dataclass(frozen=True)
class OutputAccuracy:
    """Deviation of one output from its reference."""

    name: str
    """The output."""
    max_deviation: float
    """Largest absolute difference; for labels, of the class index."""
    mean_deviation: float
    """Mean absolute difference."""
    worst_sample: int
    """The sample with the largest difference."""
    same_class: Optional[float] = None
    """Part of the decisions that are the same, from 0 to 1, where the output tells a class; a map decides at each position."""
    spread: float = 1.0
    """What differences are relative to: the largest number of the reference less the smallest."""

    def __str__(self) -> str:
        share = self.max_deviation / self.spread
        line = f"{self.name}: largest deviation {self.max_deviation:.2e} ({share:.3%} of the spread)"
        line = f"{line}, mean {self.mean_deviation:.2e}"
        return line if self.same_class is None else f"{line}, same class {self.same_class:.2%}"


@dataclass(frozen=True)
class HeldOut:
    """The same model calibrated on three of four samples, measured on the fourth ones."""

    samples: int
    """How many samples did not calibrate."""
    refused: int
    """How many of them were refused, as beyond what the others had shown."""
    outputs: list[OutputAccuracy]
    """Each output on those that were not."""


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
    """Each output against a float evaluation of the file."""
    expected: list[OutputAccuracy]
    """Outputs against the answers of the model itself."""
    held_out: Optional[HeldOut]
    """A trial with a part of the samples, measured on the others; None where there are too few."""
    tolerance: float
    """The part of an output's spread that was accepted as a deviation."""
    operators: list[OperatorAccuracy]
    """Each operator whose result the program holds, in order."""

    @property
    def worst(self) -> Optional[OperatorAccuracy]:
        """The operator with the largest deviation."""
        return max(self.operators, key=lambda operator: operator.max_deviation, default=None)

    def __str__(self) -> str:
        lines = [f"accuracy on {self.samples} samples, integer against float"]
        lines.extend(f"  {output}" for output in self.outputs)
        if self.expected:
            lines.append("  against the answers of the model itself")
            lines.extend(f"  {output}" for output in self.expected)
        if self.held_out is not None:
            measured = "measured anew on every fourth sample, calibrated on the others"
            lines.append(f"  {measured}: {self.held_out.refused} of {self.held_out.samples} refused as beyond the others")
            lines.extend(f"  {output}" for output in self.held_out.outputs)
        if self.worst is not None:
            lines.append(f"  largest inside: {self.worst.node} ({self.worst.operator}) {self.worst.max_deviation:.2e}")
        return "\n".join(lines)


_T = TypeVar("_T")


def from_json(text: str) -> AccuracyReport:
    """Reads `report.json`."""
    report = json.loads(text)
    held = report["held_out"]
    return AccuracyReport(
        samples=report["samples"],
        outputs=_outputs(report["outputs"]),
        expected=_outputs(report["expected"]),
        held_out=None if held is None else HeldOut(held["samples"], held["refused"], _outputs(held["outputs"])),
        tolerance=report["tolerance"]["deviation"],
        operators=[_known(OperatorAccuracy, operator) for operator in report["operators"]],
    )


def _outputs(values: list[dict[str, Any]]) -> list[OutputAccuracy]:
    return [_known(OutputAccuracy, output) for output in values]


def _known(kind: type[_T], values: dict[str, Any]) -> _T:
    """The fields that this version knows: a later report may say more."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in names})
