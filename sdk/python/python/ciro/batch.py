"""One proof of many samples, each of which can be shown alone."""

from __future__ import annotations

import builtins
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union, overload

from ciro import _ciro
from ciro.arrays import Array, Samples, to_array, to_feed
from ciro.model import Model
from ciro.proof import Proof


class SampleReceipts(Sequence[Proof]):
    """The receipts of a batch's samples, each made when it is asked for: `receipts[17]`, `for receipt in receipts`.

    A receipt is a `Proof`, which `ciro.verify` checks without the others. It states one sample's input and output and keeps no
    secret of the others from who has it: the proof is not zero-knowledge.
    """

    def __init__(self, native: _ciro.BatchProof) -> None:
        self._native = native

    def __len__(self) -> int:
        return self._native.batch

    @overload
    def __getitem__(self, index: int) -> Proof: ...
    @overload
    def __getitem__(self, index: slice) -> list[Proof]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Proof, list[Proof]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"expected a sample below {len(self)}, got {index}")
        return Proof(self._native.sample(at))

    def save(self, folder: Union[str, os.PathLike[str]]) -> list[Path]:
        """Writes `sample-0.ciro`, `sample-1.ciro`, … to a folder, as `ciro prove --batch N --receipts FOLDER` does.

        They are named by `BatchProof.samples`: the numbers that the samples had when they were given.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"sample-{number}.ciro" for number in self._native.numbers]
        for path, receipt in zip(paths, self):
            receipt.save(path)
        return paths


class Refusal(NamedTuple):
    """A sample that a model refuses."""

    sample: int
    """Its number among the samples given."""
    reason: str
    """Where, what is taken there, and what was given."""
    hint: str
    """What to do about it."""


class RefusalWarning(UserWarning):
    """A batch was proven without some of its samples: its outputs have a row less for each."""


class BatchProof:
    """The answers to a batch, with one proof of all of them but those that the model refuses."""

    def __init__(self, native: _ciro.BatchProof) -> None:
        self._native = native
        outputs = {name: to_array(shape, values) for name, shape, values in native.outputs}
        if native.batch > 1:
            outputs = {name: _rows(array) for name, array in outputs.items()}
        self.outputs: dict[str, Array] = outputs
        """What the model answered, by output name: one row for each of `samples`."""

    @property
    def samples(self) -> list[int]:
        """The numbers of the samples that are proven, in the order of the rows of `outputs` and of `receipts`."""
        return self._native.numbers

    @property
    def refused(self) -> list[Refusal]:
        """The samples that the model refuses, which are not in the proof."""
        return [Refusal(*refusal) for refusal in self._native.refused]

    @property
    def output(self) -> Array:
        """The last output, one row per sample: for scikit-learn's classifiers that is `predict_proba`."""
        return list(self.outputs.values())[-1]

    @property
    def receipts(self) -> SampleReceipts:
        """The receipt of each sample, which verifies alone."""
        return SampleReceipts(self._native)

    @property
    def model_id(self) -> str:
        """The model on a batch of this size, which has an id of its own. `ciro.verify(receipt, model)` knows it."""
        return self._native.model_id

    @property
    def bytes(self) -> builtins.bytes:
        """The receipt of the batch. It commits to all inputs and outputs and states none."""
        return self._native.receipt

    @property
    def proof_bytes(self) -> int:
        """Size of the proof alone, bytes."""
        return self._native.proof_bytes

    @property
    def setup_ms(self) -> float:
        """Milliseconds that committing to the weights for this size took; the next batch of this size does not pay it."""
        return self._native.setup_ms

    @property
    def prove_ms(self) -> float:
        """Milliseconds that running and proving took, all samples together."""
        return self._native.prove_ms

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the batch's receipt to a file."""
        Path(path).write_bytes(self.bytes)

    def __len__(self) -> int:
        return self._native.batch

    def __repr__(self) -> str:
        return f"<ciro.BatchProof of {len(self)} by {self.model_id}: {self.proof_bytes} bytes in {self.prove_ms:.1f} ms>"


def _rows(array: Array) -> Array:
    """(samples, 1, …) as (samples, …): each sample has a batch dimension of its own, of one."""
    return array[:, 0] if array.ndim > 1 and array.shape[1] == 1 else array


def prove_batch(model: Model, samples: Samples) -> BatchProof:
    """Runs the model on all samples and proves the answers at once, which is cheaper than one proof each.

    Samples that the model refuses are left out, with a `RefusalWarning`: `BatchProof.refused` says which and why, and `BatchProof.samples`
    which rows the others are.

    Args:
        model: a compiled model. Whatever visibility it was compiled with, the batch commits to inputs and outputs, so that
            `BatchProof.receipts` can show one sample and not state the others.
        samples: one array with a row per sample, or arrays by input name.

    Raises:
        InputError: if the samples do not fit the model, there are none, or it refuses all of them.
        ProveError: if the model does not run on one of them.
        CompileError: if the model on so many samples is too large for one proof.
    """
    batch = BatchProof(model._native.prove_batch(to_feed(samples)))
    if batch.refused:
        first = batch.refused[0]
        message = f"{len(batch.refused)} of {len(batch) + len(batch.refused)} samples refused, the others are proven"
        warnings.warn(f"{message}; sample {first.sample}: {first.reason}", RefusalWarning, stacklevel=2)
    return batch
