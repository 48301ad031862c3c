"""Compiling, keeping and loading models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Optional, Union

from ciro import _ciro
from ciro.arrays import Array, Samples, answers_to_npz, to_array, to_feed
from ciro.convert import to_source
from ciro.reference import answers_of
from ciro.report import AccuracyReport, from_json

if TYPE_CHECKING:
    from ciro._ciro import _Tensor as Tensor
    from ciro.batch import BatchProof
    from ciro.proof import Proof

Source = Union[str, "os.PathLike[str]", bytes, Any]
"""A model file, its bytes or an ONNX `ModelProto`; a compiled folder; or a fitted estimator."""


Profile = Literal["native", "chain"]
Precision = Literal["fast", "balanced", "exact"]
Rounds = Literal["best", "all"]
Visibility = Literal["public", "committed", "private"]
WeightsVisibility = Literal["public", "committed"]
"""What proofs are made for: speed, or a contract that verifies them."""


class Port(NamedTuple):
    """An input or an output of a model."""

    name: str
    """Its name in the ONNX file."""
    shape: tuple[int, ...]
    """Its dimensions, batch of one included."""


class Answer(NamedTuple):
    """What a model answers to one sample when it is run without a proof."""

    outputs: Optional[dict[str, Array]]
    """By output name, with the dimensions that a proof states; None if the sample is refused."""
    refusal: Optional[str]
    """Why the model refuses the sample."""

    @classmethod
    def of(cls, outputs: Optional[list[Tensor]], refusal: Optional[str]) -> Answer:
        if outputs is None:
            return cls(None, refusal)
        return cls({name: to_array(shape, values) for name, shape, values in outputs}, None)


class Model:
    """A compiled model whose weights are committed: what `ciro.prove` needs. Make one with `ciro.compile`.

    It does not change and may be used from several threads.
    """

    def __init__(self, native: _ciro.Model) -> None:
        self._native = native

    @property
    def id(self) -> str:
        """The model's identity: it covers structure, scales, tables and weights."""
        return self._native.id

    @property
    def name(self) -> str:
        """The name of the ONNX graph."""
        return self._native.name

    @property
    def inputs(self) -> list[Port]:
        """What goes in."""
        return [Port(name, tuple(shape)) for name, shape in self._native.inputs]

    @property
    def outputs(self) -> list[Port]:
        """What comes out."""
        return [Port(name, tuple(shape)) for name, shape in self._native.outputs]

    @property
    def profile(self) -> str:
        """What its proofs are made for: "native" or "chain"."""
        return self._native.profile

    @property
    def bits(self) -> int:
        """What its proofs resist: 100 or 128 bits."""
        return self._native.bits

    @property
    def report(self) -> Optional[AccuracyReport]:
        """How far the integers are from the floats; None if the model was compiled without samples."""
        text = self._native.report
        return None if text is None else from_json(text)

    @property
    def notes(self) -> list[str]:
        """Sentences that the compiler has for you, such as the range of inputs it assumed."""
        return self._native.notes

    @property
    def compile_ms(self) -> float:
        """Milliseconds that compiling took."""
        return self._native.compile_ms

    @property
    def setup_ms(self) -> float:
        """Milliseconds that committing to the weights took; proofs do not pay it again."""
        return self._native.setup_ms

    def run(self, samples: Samples) -> list[Answer]:
        """What a proof of each sample would state, without a proof: to compare with your own model, or to find refused inputs.

        Args:
            samples: one array with a row per sample, or arrays by input name.

        Raises:
            InputError: if the samples do not have the model's shape. A sample that the model refuses has an `Answer.refusal`.
        """
        return [Answer.of(outputs, refusal) for outputs, refusal in self._native.run(to_feed(samples))]

    def prove(self, x: Samples) -> Proof:
        """The same as `ciro.prove(model, x)`."""
        from ciro.proof import prove

        return prove(self, x)

    def prove_batch(self, samples: Samples) -> BatchProof:
        """The same as `ciro.prove_batch(model, samples)`."""
        from ciro.batch import prove_batch

        return prove_batch(self, samples)

    def save(self, folder: Union[str, os.PathLike[str]]) -> None:
        """Writes the compiled model to a folder, which `ciro.compile` and the command line read.

        Raises:
            ArtifactError: if it cannot be written.
        """
        self._native.save(folder)

    def __repr__(self) -> str:
        return f"<ciro.Model {self.name!r} {self.id}>"


def compile(  # noqa: A001 - the package is used as `ciro.compile`
    model: Source,
    samples: Optional[Samples] = None,
    *,
    expected: Optional[Samples] = None,
    tolerance: Optional[float] = None,
    input_range: Optional[float] = None,
    dims: Optional[Mapping[str, int]] = None,
    profile: Optional[Profile] = None,
    precision: Optional[Precision] = None,
    bits: Optional[int] = None,
    labels: Optional[Sequence[Union[bool, int, str]]] = None,
    missing: Optional[float] = None,
    rounds: Optional[Rounds] = None,
    input_visibility: Optional[Visibility] = None,
    output_visibility: Optional[Visibility] = None,
    weights: Optional[WeightsVisibility] = None,
) -> Model:
    """Compiles a model to an integer program and commits to its weights.

    Args:
        model: a fitted scikit-learn, XGBoost or LightGBM estimator or a pipeline of them; the path of an ONNX file, or of
            what a booster's `save_model` wrote; the bytes of either, or a `ModelProto`; or the path of a folder that
            `Model.save` or `ciro compile` wrote.
        samples: inputs like those to come, for example the training data: they tell the ranges of the inputs, and accuracy
            is measured on them. One array with a row per sample, arrays by input name, or a table: its columns are matched by name. Without them inputs are taken
            from -32 to 32, and there is no accuracy report.
        expected: what your own model answers to the samples: an array, or arrays by output name, of which `label` is the
            class. Compiling fails where the program answers otherwise. Without it, an estimator is asked itself, as is
            onnxruntime for an ONNX file where it can be imported.
        tolerance: accepts deviations of that part of an output's spread, and as large a part of other classes. By default
            0.001 and none for trees and linear models, 0.01 and 0.001 for networks.
        input_range: a bound on the magnitude of every input, which overrides what the samples tell.
        dims: sizes of named dimensions of an ONNX file, such as `{"sequence": 128}`, or of those without a name, `{"x[2]": 48}`; also the
            value of an input that is one whole number, `{"sr": 16000}`, which is no input then. The batch is one.
        profile: "native" for proofs that are fast to make, the default, or "chain" for small ones that are cheap to
            verify in a contract. It is part of the model's identity.
        precision: how finely a network's values are held: "fast", "balanced", the default, or "exact". Linear models and
            trees are as exact as they can be in any case. Part of the identity too.
        bits: what proofs must resist, 100 bits by default, or 128 for larger proofs. Part of the identity too.
        labels: names of the classes, in the order of the model's own, where its file does not know them: `["good", "bad"]`. Of an
            estimator they are its `classes_`.
        missing: the number that stands for a missing value in the inputs, or NaN if none does. Of XGBoost's estimators it is
            theirs; a file does not say it.
        rounds: "best" or "all", which trees count in a file of XGBoost that stopped early and does not say who predicts.
        input_visibility: how much receipts show of the input: "public", the default, "committed" for a root that
            `Proof.openings` opens, or "private". None of it is secrecy: the proof is not zero-knowledge, and short values
            can be computed from it. Part of the identity too.
        output_visibility: the same for the output.
        weights: how much they show of the weights: "committed", the default, or "public". Part of the identity too.

    Returns:
        The model, ready to prove with.

    Raises:
        CompileError: if an operator is not supported, numbers do not fit, a converter is missing, or the program does not
            answer as the model does; the hint says what to do, for example which package to install.
        InputError: if the samples do not fit the model.
        ArtifactError: if the folder is not a compiled model.
        ValueError: if the profile, the precision or the bits are none of theirs.
        OSError: if the file cannot be read.
    """
    if isinstance(model, (str, os.PathLike)):
        path = Path(model)
        # Of TensorFlow's folders, that file says what they are.
        path = path / "saved_model.pb" if (path / "saved_model.pb").is_file() else path
        if path.is_dir():
            return _load(
                path,
                samples=samples,
                expected=expected,
                tolerance=tolerance,
                input_range=input_range,
                dims=dims,
                profile=profile,
                precision=precision,
                bits=bits,
                labels=labels,
                missing=missing,
                rounds=rounds,
                input_visibility=input_visibility,
                output_visibility=output_visibility,
                weights=weights,
            )
        model = bytes(_ciro.with_external_data(path.read_bytes(), path.parent))
    source = to_source(model, samples)
    feed = None if samples is None else to_feed(samples)
    named = list((dims or {}).items())
    answers = expected
    if expected is None and samples is not None:
        answers = answers_of(model, source.file, samples, dims or {})
    form: dict[str, object] = {
        "profile": profile or "native",
        "precision": precision or "balanced",
        "bits": 100 if bits is None else bits,
        "input_visibility": input_visibility or "public",
        "output_visibility": output_visibility or "public",
        "weights": weights or "committed",
        "tolerance": tolerance,
        "columns": source.columns,
        "missing": source.missing if missing is None else missing,
        "labels": source.labels if labels is None else list(labels),
        "rounds": rounds or source.rounds,
    }
    answers_npz = None if answers is None else answers_to_npz(answers)
    return Model(_ciro.Model.compile(source.file, feed, answers_npz, input_range, named, form))


def _load(path: Path, **given: object) -> Model:
    late = [name for name, value in given.items() if value is not None]
    if late:
        raise TypeError(f"{path} is compiled already: expected no {' and no '.join(late)}")
    return Model(_ciro.Model.load(path))
