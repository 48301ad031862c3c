"""Counts the inputs that a model refuses though they are like those that calibrated it.

    python bench/refusals/refusals.py                          # the models it trains itself: tables and digits
    python bench/refusals/refusals.py --models FOLDER          # the bundled models, on the data that they were trained on
    python bench/refusals/refusals.py --cases FOLDER           # folders with a model file and samples.npz or input.npz

Each model is compiled `--splits` times with `--calibrate` samples, drawn anew each time, and runs on all others. A line says how many
of them were refused and what by: an input beyond its range, or a value inside. The exit code is 1 if more than a thousandth of all was.
"""

from __future__ import annotations

import argparse
import collections
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional
from unittest import mock

import numpy as np

MOST = 0.001
"""Part of the inputs that may be refused."""
Feeds = dict[str, np.ndarray]
"""Samples by input, a row each."""


@dataclass(frozen=True)
class Subject:
    """A model and the distribution that its inputs are from."""

    name: str
    model: Any
    data: Feeds


@dataclass
class Count:
    """What became of a subject's inputs."""

    run: int = 0
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)
    estimates: list[float] = field(default_factory=list)
    failed: Optional[str] = None

    @property
    def refused(self) -> int:
        return self.reasons.total()


def rows(data: Feeds, index: np.ndarray) -> Feeds:
    return {name: array[index] for name, array in data.items()}


def where(refusal: str) -> str:
    """What refused, without the numbers of the sample: an input, or an operator."""
    return re.sub(r"element \d+|-?\d+(\.\d+)?(e-?\d+)?", "#", refusal.splitlines()[0])[:90]


def measure(subject: Subject, calibrate: int, splits: int, seed: int) -> Count:
    import ciro

    count = Count()
    samples = len(next(iter(subject.data.values())))
    for split in range(splits):
        order = np.random.default_rng((seed, split)).permutation(samples)
        try:
            # What the framework answers to the samples is not what is measured.
            with mock.patch("ciro.model.answers_of", return_value=None):
                model = ciro.compile(subject.model, samples=fed(rows(subject.data, order[:calibrate])), tolerance=1.0)
        except ciro.CompileError as error:
            count.failed = error.message[:120]
            return count
        answers = model.run(fed(rows(subject.data, order[calibrate:])))
        count.run += len(answers)
        count.reasons.update(where(answer.refusal) for answer in answers if answer.refusal is not None)
        held = None if model.report is None else model.report.held_out
        if held is not None:
            count.estimates.append(held.refused / held.samples)
    return count


def fed(data: Feeds) -> Any:
    """The only array as it is, others by name."""
    return next(iter(data.values())) if len(data) == 1 else data


def upscaled(images: np.ndarray, size: int) -> np.ndarray:
    """Square images of eight by eight, as many pixels wide: bilinear, half-pixel centres."""
    place = np.clip((np.arange(size) + 0.5) * 8 / size - 0.5, 0, 7)
    first = np.minimum(place.astype(int), 6)
    weight = np.zeros((size, 8))
    weight[np.arange(size), first] = 1 - (place - first)
    weight[np.arange(size), first + 1] = place - first
    return np.einsum("ai,nij,bj->nab", weight, images.reshape(-1, 8, 8), weight).astype(np.float32)


def digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return (load_digits().data / 16).astype(np.float32)


def standardised(load: str) -> np.ndarray:
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit_transform(getattr(datasets, load)().data).astype(np.float32)


BUNDLED: dict[str, Callable[[], np.ndarray]] = {
    "A2_": lambda: standardised("load_diabetes"),
    "A_": lambda: standardised("load_breast_cancer"),
    "B_": lambda: standardised("load_breast_cancer"),
    "C_": digits,
    "D2_": digits,
    "D_": lambda: standardised("load_breast_cancer"),
    "E_": digits,
    "F_": lambda: upscaled(digits(), 28)[:, None],
    "G2_": lambda: digits().reshape(-1, 16, 4),
    "G_": lambda: digits().reshape(-1, 16, 4),
    "H_": lambda: np.repeat(upscaled(digits()[:300], 32)[:, None], 3, 1),
}
"""By the first letters of a bundled model's name, the data of which it was trained on four fifths."""


def bundled(folder: Path) -> Iterator[Subject]:
    for file in sorted(folder.glob("*.onnx")):
        data = next((data for start, data in BUNDLED.items() if file.name.startswith(start)), None)
        if data is not None:
            yield Subject(file.stem, file, {"x": data()})


def cases(folder: Path) -> Iterator[Subject]:
    for case in sorted(path for path in folder.iterdir() if path.is_dir()):
        models = [case / name for name in ("model.onnx", "model.json", "model.txt") if (case / name).exists()]
        samples = [case / name for name in ("samples.npz", "input.npz") if (case / name).exists()]
        if models and samples:
            with np.load(samples[0], allow_pickle=True) as file:
                yield Subject(case.name, models[0], {name: file[name] for name in file.files if name != "y"})


def trained() -> Iterator[Subject]:
    """Estimators on tables with long tails, rare values and amounts beside counts, as lenders have them."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler
    from sklearn.svm import SVC

    draw = np.random.default_rng(7)
    n = 3000
    table = np.column_stack(
        [
            draw.integers(18, 90, n),
            np.exp(draw.normal(10, 1, n)).round(2),
            draw.poisson(0.05, n),
            draw.standard_t(3, n),
            draw.exponential(400, n) * (draw.random(n) < 0.1),
            draw.random(n),
        ]
    ).astype(np.float32)
    score = 0.02 * (table[:, 0] - 50) + 0.4 * (np.log(table[:, 1]) - 10) + table[:, 2] + 0.3 * table[:, 3]
    bad = (score + draw.logistic(size=n) > 0.3).astype(int)
    estimators = {
        "logit": LogisticRegression(),
        "mlp": MLPClassifier((16, 8), max_iter=300, random_state=0),
        "mlp_tanh": MLPClassifier((8,), activation="tanh", max_iter=300, random_state=0),
        "squares": make_pipeline(PolynomialFeatures(2), StandardScaler(), Ridge()),
        "bayes": GaussianNB(),
        "rbf": SVC(C=1.0, random_state=0),
    }
    for name, estimator in estimators.items():
        fitted = estimator if name == "bayes" else make_pipeline(StandardScaler(), estimator)
        few = slice(0, 200 if name == "rbf" else n)
        yield Subject(name, fitted.fit(table[few], score[few] if name == "squares" else bad[few]), {"x": table})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, help="the folder of the bundled models")
    parser.add_argument("--cases", type=Path, help="a folder of cases")
    parser.add_argument("--only", help="subjects whose names hold this")
    parser.add_argument("--calibrate", type=int, default=64, help="samples that calibrate")
    parser.add_argument("--splits", type=int, default=5, help="compilations of each model")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    subjects: list[Subject] = []
    if options.models:
        subjects += bundled(options.models)
    if options.cases:
        subjects += cases(options.cases)
    subjects = subjects or list(trained())
    run = refused = 0
    for subject in subjects:
        few = len(next(iter(subject.data.values()))) < 2 * options.calibrate
        if few or (options.only and options.only not in subject.name):
            continue
        count = measure(subject, options.calibrate, options.splits, options.seed)
        run, refused = run + count.run, refused + count.refused
        print(line(subject.name, count), flush=True)
    share = refused / max(run, 1)
    print(f"{refused} of {run} refused, {share:.3%}; at most {MOST:.1%} may be")
    return int(share > MOST)


def line(name: str, count: Count) -> str:
    if count.failed is not None:
        return f"{name:28} not compiled: {count.failed}"
    share = count.refused / max(count.run, 1)
    told = "" if not count.estimates else f", {np.mean(count.estimates):.2%} estimated"
    reasons = "; ".join(f"{times} × {reason}" for reason, times in count.reasons.most_common(3))
    return f"{name:28} {count.refused:5} of {count.run:6} refused, {share:.2%}{told}  {reasons}"


if __name__ == "__main__":
    sys.exit(main())
