"""The two provers, each through the steps that its documentation tells a user to take."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from limits import Limits, Outcome, run

HERE = Path(__file__).parent
# Samples that tell the ranges, and samples on which errors are measured, out of a model's file.
CALIBRATION, JUDGED = 20, 8
# What the model is called in the folder where a prover works.
MODEL = "model.onnx"


class StepFailed(Exception):
    """A step of a prover did not succeed."""


@dataclass
class Reference:
    """A model file with samples (one row each) and onnxruntime's answers to them."""

    path: Path
    x: np.ndarray
    y: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Reference:
        with np.load(path.with_suffix(".npz")) as arrays:
            return cls(path.resolve(), arrays["x"], arrays["y"])

    @property
    def judged(self) -> int:
        return min(JUDGED, len(self.x))

    def error(self, outputs: list[list[float]]) -> float:
        """The largest deviation of `outputs` from the answers, over the first samples."""
        expected = self.y[: len(outputs)].reshape(len(outputs), -1).astype(np.float64)
        return float(np.abs(np.asarray(outputs, np.float64).reshape(expected.shape) - expected).max())


@dataclass
class Result:
    """What one prover did with one model; None for what it did not come to. Times are seconds, sizes bytes."""

    prove_s: float | None = None
    prove_process_s: float | None = None
    prove_cpu_s: float | None = None
    prove_peak_mib: float | None = None
    verify_s: float | None = None
    setup_s: float | None = None
    setup_peak_mib: float | None = None
    parameters_s: float | None = None
    key_bytes: int | None = None
    proof_bytes: int | None = None
    file_bytes: int | None = None
    output_error: float | None = None
    tampered_refused: bool | None = None
    failure: str | None = None
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, step: str, outcome: Outcome) -> None:
        """Keeps what a step took, and ends the model if it failed."""
        self.steps[step] = {
            "wall_s": round(outcome.wall_s, 4),
            "cpu_s": round(outcome.cpu_s, 3),
            "peak_mib": round(outcome.peak_mib, 1),
        }
        if outcome.error is not None:
            self.steps[step]["error"] = outcome.error
            raise StepFailed(f"{step}: {outcome.error}")


class Prover(Protocol):
    """What is measured."""

    def measure(self, model: Reference, folder: Path) -> Result:
        """Takes all steps with one model in an empty folder. A step that fails ends it: `Result.failure` says how."""
        ...


class Ciro:
    """`ciro compile`, `ciro prove`, `ciro verify`."""

    def __init__(self, binary: str, limits: Limits, repeats: int) -> None:
        self._binary, self._limits, self._repeats = binary, limits, repeats

    def measure(self, model: Reference, folder: Path) -> Result:
        """Each proof is a process of its own; the times of several are joined by their median."""
        result = Result()
        (folder / MODEL).symlink_to(model.path)
        try:
            self._compile(model, folder, result)
            self._prove(model, folder, result)
            self._verify(folder, result)
        except StepFailed as failed:
            result.failure = str(failed)
        return result

    def _step(self, result: Result, name: str, folder: Path, *arguments: str) -> Outcome:
        outcome = run([self._binary, *arguments], self._limits, folder)
        result.note(name, outcome)
        return outcome

    def _compile(self, model: Reference, folder: Path, result: Result) -> None:
        np.savez(folder / "calibration.npz", x=model.x[:CALIBRATION])
        np.savez(folder / "samples.npz", x=model.x[: model.judged])
        command = ["compile", MODEL, "--calibration", "calibration.npz", "-o", "model"]
        outcome = self._step(result, "compile", folder, *command)
        result.setup_s, result.setup_peak_mib = outcome.wall_s, outcome.peak_mib
        result.key_bytes = sum(file.stat().st_size for file in (folder / "model").glob("*.bin"))

    def _prove(self, model: Reference, folder: Path, result: Result) -> None:
        calls, processes, outputs = [], [], []
        for i in range(max(model.judged, self._repeats)):
            command = ["prove", "model", "--input", "samples.npz", "--sample", str(i % model.judged)]
            outcome = self._step(result, "prove", folder, *command, "-o", f"answer-{i}.ciro", "--json")
            view = json.loads(outcome.stdout)
            calls.append(view["prove_ms"] / 1e3)
            processes.append(outcome)
            outputs.append(_last_output(view["outputs"], model.y[0].size))
            result.proof_bytes = view["proof_bytes"]
        result.prove_s = statistics.median(calls)
        result.prove_process_s = statistics.median(outcome.wall_s for outcome in processes)
        result.prove_cpu_s = statistics.median(outcome.cpu_s for outcome in processes)
        result.prove_peak_mib = max(outcome.peak_mib for outcome in processes)
        result.file_bytes = (folder / "answer-0.ciro").stat().st_size
        result.output_error = model.error(outputs[: model.judged])

    def _verify(self, folder: Path, result: Result) -> None:
        walls = [self._step(result, "verify", folder, "verify", "answer-0.ciro").wall_s for _ in range(self._repeats)]
        result.verify_s = statistics.median(walls)
        damaged = bytearray((folder / "answer-0.ciro").read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (folder / "damaged.ciro").write_bytes(damaged)
        outcome = run([self._binary, "verify", "damaged.ciro"], self._limits, folder)
        result.tampered_refused = outcome.error is not None


def _last_output(outputs: dict[str, list[Any]], size: int) -> list[float]:
    """The output that the answers are about: the one of their size; of several, the one that is no label."""
    fitting = [values for values in outputs.values() if len(values) == size]
    numbers = [values for values in fitting if any(isinstance(value, float) for value in values)]
    return [float(value) for value in (numbers or fitting)[0]]


class Ezkl:
    """EZKL with its defaults: settings, calibration, circuit, parameters, keys, witness, proof."""

    def __init__(self, limits: Limits, parameters: Path) -> None:
        self._limits, self._parameters = limits, parameters

    def measure(self, model: Reference, folder: Path) -> Result:
        """Each step is a process of its own."""
        result = Result()
        (folder / MODEL).symlink_to(model.path)
        try:
            self._circuit(model, folder, result)
            logrows = json.loads((folder / "settings.json").read_text())["run_args"]["logrows"]
            parameters = self._common_parameters(logrows, folder, result)
            self._witness(model, folder, result)
            self._keys(parameters, folder, result)
            self._prove(parameters, folder, result)
            self._verify(parameters, folder, result)
        except StepFailed as failed:
            result.failure = str(failed)
        return result

    def _step(self, result: Result, name: str, folder: Path, **arguments: Any) -> tuple[Outcome, dict[str, Any]]:
        command = [sys.executable, str(HERE / "ezkl_step.py"), name, json.dumps(arguments)]
        outcome = run(command, self._limits, folder)
        result.note(name, outcome)
        answer = json.loads(outcome.stdout.splitlines()[-1])
        result.steps[name]["call_s"] = round(answer["call_s"], 4)
        return outcome, answer

    def _circuit(self, model: Reference, folder: Path, result: Result) -> None:
        _write_input(folder / "calibration.json", model.x[:CALIBRATION])
        for i in range(model.judged):
            _write_input(folder / f"input-{i}.json", model.x[i : i + 1])
        onnx, circuit = MODEL, "model.compiled"
        self._step(result, "gen_settings", folder, model=onnx, output="settings.json")
        calibration = {"data": "calibration.json", "model": onnx, "settings": "settings.json", "target": "resources"}
        self._step(result, "calibrate_settings", folder, **calibration)
        self._step(
            result, "compile_circuit", folder, model=onnx, compiled_circuit=circuit, settings_path="settings.json"
        )

    def _common_parameters(self, logrows: int, folder: Path, result: Result) -> str:
        """The structured reference string for 2^logrows rows: universal, so that models of one size share it."""
        path = self._parameters / f"kzg-{logrows}.srs"
        took = path.with_suffix(".json")
        if not took.exists():
            self._step(result, "gen_srs", folder, srs_path=str(path), logrows=logrows)
            took.write_text(json.dumps(result.steps["gen_srs"]))
        result.steps["gen_srs"] = json.loads(took.read_text())
        result.parameters_s = result.steps["gen_srs"]["call_s"]
        return str(path)

    def _witness(self, model: Reference, folder: Path, result: Result) -> None:
        _, answer = self._step(result, "witnesses", folder, count=model.judged, model="model.compiled")
        result.output_error = model.error(answer["outputs"])

    def _keys(self, parameters: str, folder: Path, result: Result) -> None:
        files = {"model": "model.compiled", "vk_path": "vk.key", "pk_path": "pk.key", "srs_path": parameters}
        outcome, _ = self._step(result, "setup", folder, **files)
        before = ("gen_settings", "calibrate_settings", "compile_circuit", "setup")
        result.setup_s = sum(result.steps[name]["call_s"] for name in before)
        result.setup_peak_mib = max(outcome.peak_mib, *(result.steps[name]["peak_mib"] for name in before))
        result.key_bytes = (folder / "pk.key").stat().st_size

    def _prove(self, parameters: str, folder: Path, result: Result) -> None:
        files = {
            "witness": "witness-0.json",
            "model": "model.compiled",
            "pk_path": "pk.key",
            "proof_path": "proof.json",
        }
        outcome, answer = self._step(result, "prove", folder, **files, srs_path=parameters)
        result.prove_s, result.prove_process_s = answer["call_s"], outcome.wall_s
        result.prove_cpu_s, result.prove_peak_mib = outcome.cpu_s, outcome.peak_mib
        proof = json.loads((folder / "proof.json").read_text())
        hexadecimal = proof.get("hex_proof") or ""
        result.proof_bytes = len(hexadecimal.removeprefix("0x")) // 2 or len(proof["proof"])
        result.file_bytes = (folder / "proof.json").stat().st_size
        (folder / "pk.key").unlink()

    def _verify(self, parameters: str, folder: Path, result: Result) -> None:
        files = {"settings_path": "settings.json", "vk_path": "vk.key", "srs_path": parameters}
        _, answer = self._step(result, "verify", folder, proof_path="proof.json", **files)
        result.verify_s = answer["call_s"]
        proof = json.loads((folder / "proof.json").read_text())
        last = proof["instances"][0][-1]
        # Little-endian field elements: one more in the lowest byte.
        proof["instances"][0][-1] = f"{int(last[:2], 16) ^ 1:02x}{last[2:]}"
        (folder / "damaged.json").write_text(json.dumps(proof))
        arguments = json.dumps({"proof_path": "damaged.json", **files})
        outcome = run([sys.executable, str(HERE / "ezkl_step.py"), "verify", arguments], self._limits, folder)
        result.tampered_refused = outcome.error is not None


def _write_input(path: Path, rows: np.ndarray) -> None:
    path.write_text(json.dumps({"input_data": [rows.reshape(-1).tolist()]}))
