"""What the tests share: the reference models of the repository, and the command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ciro

MODELS = Path(__file__).parents[3] / "vectors" / "models"


class Reference:
    """A trained model of the repository with its samples `x` and onnxruntime's answers `y`."""

    def __init__(self, name: str) -> None:
        self.path = MODELS / f"{name}.onnx"
        with np.load(MODELS / f"{name}.npz") as arrays:
            self.x, self.y = arrays["x"], arrays["y"]

    def compile(self) -> ciro.Model:
        return ciro.compile(self.path, samples=self.x)


@pytest.fixture(scope="session")
def logistic() -> Reference:
    return Reference("A_logreg_bc")


@pytest.fixture(scope="session")
def forest() -> Reference:
    return Reference("C_rf_digits_ml")


@pytest.fixture(scope="session")
def model(logistic: Reference) -> ciro.Model:
    return logistic.compile()


@pytest.fixture(scope="session")
def proof(model: ciro.Model, logistic: Reference) -> ciro.Proof:
    return ciro.prove(model, logistic.x[0])


@pytest.fixture(scope="session")
def cli() -> object:
    """Runs the command line: `cli("verify", path)`."""
    binary = os.environ.get("CIRO")
    if not binary:
        pytest.skip("CIRO does not name the ciro binary; ./test sets it")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [binary, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run
