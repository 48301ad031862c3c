"""The package is typed, and its stub says what the native half has."""

import subprocess
import sys
from pathlib import Path

import pytest

import ciro

USE = """
import numpy as np
import ciro

model: ciro.Model = ciro.compile("model.onnx", samples=np.zeros((3, 4)))
proof = ciro.prove(model, [1.0, 2.0, 3.0, 4.0])
reveal_type(proof.label)
reveal_type(proof.bytes)
number: float = proof.prove_ms
wrong: str = ciro.verify(proof).assumptions
"""


def python(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_package_is_strictly_typed(tmp_path):
    config = Path(__file__).parents[1] / "pyproject.toml"
    done = python("mypy", "--config-file", config, "--cache-dir", tmp_path, "-p", "ciro", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_is_that_of_the_native_half(tmp_path):
    done = python("mypy.stubtest", "ciro._ciro", "--ignore-missing-stub", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_users_mistake_is_found_by_mypy(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    done = python("mypy", "--strict", "--cache-dir", tmp_path, "use.py", cwd=tmp_path)
    notes = [line.split(": ", 1)[1] for line in done.stdout.splitlines() if "use.py" in line]
    assert notes[0] == 'note: Revealed type is "int | str | None"'
    assert notes[1] == 'note: Revealed type is "bytes"'
    assert notes[2].startswith("error: Incompatible types in assignment")
    assert len(notes) == 3


@pytest.mark.parametrize("name", ciro.__all__)
def test_everything_public_is_documented(name):
    assert getattr(ciro, name).__doc__
