"""Proving answers and checking receipts."""

from __future__ import annotations

import builtins
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Optional, Union

from ciro import _ciro
from ciro.arrays import Array, Samples, to_array, to_feed
from ciro.errors import VerifyError
from ciro.model import Model


class _Answer:
    """Outputs by name, and the two that people ask for."""

    outputs: dict[str, Array]

    @property
    def output(self) -> Array:
        """The last output: a regression's value, a classifier's probabilities or scores, a network's result.

        For scikit-learn's classifiers that is `predict_proba`, for boosters what their own `predict` answers.
        """
        if not self.outputs:
            raise ValueError("the receipt does not show the output: see `visibility`")
        return list(self.outputs.values())[-1]

    @property
    def label(self) -> Union[bool, int, str, None]:
        """The class that the model answers with, if it has an output of labels."""
        labels = [array for array in self.outputs.values() if array.dtype.kind in "biU"]
        if not labels:
            return None
        label: Union[bool, int, str] = labels[0].reshape(-1)[0].item()
        return label


class Proof(_Answer):
    """An answer with its proof: the receipt, a file that anybody can check offline."""

    def __init__(self, native: _ciro.Proof) -> None:
        self._native = native
        self.outputs = {name: to_array(shape, values) for name, shape, values in native.outputs}
        """What the model answered, by output name: float64, or int64, bool and texts for labels."""

    @property
    def model_id(self) -> str:
        """The model that answered."""
        return self._native.model_id

    @property
    def bytes(self) -> builtins.bytes:
        """The receipt: program, input, output and proof."""
        return self._native.receipt

    @property
    def openings(self) -> dict[str, builtins.bytes]:
        """Files that open what the receipt commits to, "input" or "output": whoever has one and the receipt sees the value."""
        return dict(self._native.openings)

    @property
    def proof_bytes(self) -> int:
        """Size of the proof alone, bytes."""
        return self._native.proof_bytes

    @property
    def prove_ms(self) -> float:
        """Milliseconds that running and proving took."""
        return self._native.prove_ms

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the receipt to a file, which `ciro.verify` and the command line read."""
        Path(path).write_bytes(self.bytes)

    def verify(self, model: Union[Model, str, None] = None) -> Verified:
        """The same as `ciro.verify(proof, model)`."""
        return verify(self, model)

    def __repr__(self) -> str:
        return f"<ciro.Proof of {self.model_id}: {self.proof_bytes} bytes in {self.prove_ms:.1f} ms>"


class Finding(NamedTuple):
    """One thing that a valid receipt shows, or rests on."""

    what: str
    """In a few words."""
    detail: str
    """The particulars."""


class Bound(NamedTuple):
    """The job that an answer was made for, whether or not a network has settled it."""

    network: str
    """The id of the network."""
    job: str
    """The id of the job."""
    workers: tuple[str, ...]
    """The accounts that answered."""


@dataclass(frozen=True)
class Verified(_Answer):
    """What a valid receipt shows. There is no such object for an invalid one: `ciro.verify` raises.

    Valid is not proven: look at `proven`, or compare `assurance` with what you paid for.
    """

    verdict: str
    """Three lines, the same as `ciro verify` prints: rung and model id; settlement; what the answer is bound to."""
    model_id: str
    """The model that answered."""
    model_name: str
    """The name of its graph, which its maker chose."""
    batch: int
    """Samples in the proof: 1, unless it is one of a batch."""
    sample: Optional[int]
    """Which sample of the batch this is, counted from zero. None if the receipt is about all."""
    assurance: str
    """The rung that was checked: `A4` for a proof, `A0` for a signed answer, `A2` for answers that agree."""
    proven: bool
    """Whether a proof shows that the output is the model's. Without one, it is somebody's word."""
    settled: bool
    """Whether a network's validators confirm that the job was paid."""
    bound_to: Optional[Bound]
    """What the answer was made for. None for a proof that was made for no job."""
    inputs: dict[str, Array]
    """What the model was asked, by input name: the numbers as they were given, rounded to float32 unless the model reads doubles. Empty if it is hidden."""
    outputs: dict[str, Array]
    """What it answered, by output name. Empty if it is hidden."""
    visibility: dict[str, str]
    """How much the receipt shows of "input", "output" and "weights": "public", "committed" or "private". Whatever is hidden
    is not stated, but no secret from who has the receipt: the proof is not zero-knowledge."""
    shown: list[Finding]
    """What was checked."""
    assumptions: list[Finding]
    """What you must accept for the conclusion to hold."""
    text: str = field(repr=False)
    """All that `ciro verify` prints, the verdict first."""

    def __str__(self) -> str:
        return self.text


def prove(model: Model, x: Samples) -> Proof:
    """Runs the model on one sample and proves the answer. Other threads run meanwhile.

    Args:
        model: a compiled model.
        x: one sample: a row, an array of the input's shape, or arrays by input name. Numbers are taken as the model reads them: float32 or float64.

    Raises:
        InputError: if the sample does not fit the model.
        ProveError: if the model does not run on it.
    """
    return Proof(model._native.prove(to_feed(x)))


def verify(
    proof: Union[Proof, bytes, str, os.PathLike[str]],
    model: Union[Model, str, None] = None,
    *,
    network: Optional[str] = None,
) -> Verified:
    """Checks a receipt, offline. Returning at all means that it is valid.

    Args:
        proof: a proof, the path of a receipt, or its bytes.
        model: the model that you expect, or its id. Without it, look at `model_id` of the result: a valid proof of
            another model is worth nothing. A model in a batch has another id than alone; give the model and it is
            computed.
        network: the id of the network that must have settled it. A receipt without a settlement then fails.

    Raises:
        VerifyError: if anything about the receipt is wrong, or it is about another model.
        OSError: if the file cannot be read.
    """
    if isinstance(proof, Proof):
        proof = proof.bytes
    elif not isinstance(proof, bytes):
        proof = Path(proof).read_bytes()
    if not isinstance(model, Model):
        return _verified(_ciro.verify(proof, model, network))
    checked = _verified(_ciro.verify(proof, None, network))
    expected = _expected(model, checked)
    if expected != checked.model_id:
        raise VerifyError(f"it is about another model: expected {expected}, got {checked.model_id}")
    return checked


def _expected(model: Model, checked: Verified) -> str:
    """The model's id in the receipt's batch, by how much the receipt shows."""
    if checked.batch == 1 and checked.sample is None:
        return model.id
    return model._native.id_of_batch(checked.batch, checked.visibility["input"], checked.visibility["output"])


def _bound(native: Optional[tuple[str, str, list[str]]]) -> Optional[Bound]:
    if native is None:
        return None
    network, job, workers = native
    return Bound(network, job, tuple(workers))


def _verified(native: _ciro.Verified) -> Verified:
    return Verified(
        verdict=native.verdict,
        model_id=native.model_id,
        model_name=native.model_name,
        batch=native.batch,
        sample=native.sample,
        assurance=native.assurance,
        proven=native.proven,
        settled=native.settled,
        bound_to=_bound(native.bound_to),
        inputs={name: to_array(shape, values) for name, shape, values in native.inputs or []},
        outputs={name: to_array(shape, values) for name, shape, values in native.outputs or []},
        visibility=dict(zip(("input", "output", "weights"), native.visibility)),
        shown=[Finding(*pair) for pair in native.shown],
        assumptions=[Finding(*pair) for pair in native.assumptions],
        text=native.text,
    )
