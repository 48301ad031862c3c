"""How far the integers are from the floats, measured on the samples given to `ciro.compile`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Optional, TypeVar


@dataclass(frozen=True)
class ClassAccuracy:
    """Decisions for one class."""

    class_: str
    """What it is called, or its number."""
    decisions: int
    """How often the reference decides for it."""
    same: float
    """Part of these in which the program does so too, from 0 to 1."""


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
    classes: list[ClassAccuracy] = field(default_factory=list)
    """The decisions class by class, where the output tells one."""
    places: list[float] = field(default_factory=list)
    """Mean absolute difference at each position of a map: pixels row by row, or steps. Empty for one position, or more than 4096."""
    worst_place: Optional[int] = None
    """The position of a map with the largest mean difference."""

    def __str__(self) -> str:
        share = self.max_deviation / self.spread
        line = f"{self.name}: largest deviation {self.max_deviation:.2e} ({share:.3%} of the spread)"
        line = f"{line}, mean {self.mean_deviation:.2e}"
        return line if self.same_class is None else f"{line}, same class {self.same_class:.2%}"


@dataclass(frozen=True)
class Refused:
    """A sample that is refused."""

    sample: int
    """Its number."""
    reason: str
    """Why."""


@dataclass(frozen=True)
class HeldOut:
    """The same model calibrated on three quarters of the samples, on the fourth: each of them in turn, of a large model only one."""

    samples: int
    """How many samples were left out once."""
    refused: int
    """How many of them were refused, as beyond what the others had shown."""
    outputs: list[OutputAccuracy]
    """Each output on those that were not."""
    refusal_rate: float = 0.0
    """The part that was refused: an estimate of what the model refuses of inputs like the samples."""
    refusal_rate_at_most: float = 1.0
    """The highest rate for which so few refusals are not unlikely, at 95 %."""
    first_refused: Optional[Refused] = None
    """The first that was refused, and why."""

    @classmethod
    def of(cls, values: dict[str, Any]) -> HeldOut:
        """From `report.json`."""
        first = values.get("first_refused")
        read = {"outputs": _outputs(values["outputs"]), "first_refused": None if first is None else _known(Refused, first)}
        return _known(cls, {**values, **read})

    def lines(self) -> list[str]:
        """What a person reads of it."""
        rate = f"of inputs like these at most {self.refusal_rate_at_most:.1%} are (95 % sure)"
        lines = [
            f"on {self.samples} samples that were left out, calibrated on the others",
            f"{self.refused} of {self.samples} refused: {rate}; more samples tell more",
        ]
        if self.first_refused is not None:
            lines.append(f"first refused: sample {self.first_refused.sample}, {self.first_refused.reason}")
        return lines + ([str(output) for output in self.outputs] if self.refused < self.samples else [])


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
            lines.extend(f"  {line}" for line in self.held_out.lines())
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
        held_out=None if held is None else HeldOut.of(held),
        tolerance=report["tolerance"]["deviation"],
        operators=[_known(OperatorAccuracy, operator) for operator in report["operators"]],
    )


def _outputs(values: list[dict[str, Any]]) -> list[OutputAccuracy]:
    def classes(output: dict[str, Any]) -> list[ClassAccuracy]:
        return [ClassAccuracy(one["class"], one["decisions"], one["same"]) for one in output.get("classes", [])]

    return [_known(OutputAccuracy, {**output, "classes": classes(output)}) for output in values]


def _known(kind: type[_T], values: dict[str, Any]) -> _T:
    """The fields that this version knows: a later report may say more."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in names})
