"""Compares compiled models with the framework they come from, on random graphs and estimators.

    python bench/diff/diff.py graphs --from 0 --count 1000 --jobs 2
    python bench/diff/diff.py estimators --count 200
    python bench/diff/diff.py graphs --seed 137          # one of them, in words

Each seed makes a model and inputs. Half of the inputs calibrate it; nothing but the file is known to the compiler. The program then
answers the other half, and so does the framework. `right`: they agree within a hundredth of the spread. `refused`: the compiler, or the
program for all of the inputs, says no. `coarse`: they disagree by more. `WRONG`: by more than a twentieth, or, where a model jumps (it
compares, or takes a sign), in more than a fiftieth of all numbers: next to a jump a rounding decides. `skipped`: the framework's answers
are not finite, or hang on last bits themselves. The exit code is 1 if any is wrong.
"""

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SAMPLES = 96
"""Inputs of each model; the first half calibrates."""
COARSE, WRONG = 0.01, 0.05
"""Deviations, as parts of an output's spread."""
JUMPED = 0.025
"""Numbers of a model that jumps which may land on the other side: those of one input of 48, if it is a branch."""
SHAKY = 0.1
"""Inputs of which the framework's own roundings decide the answer: with more, it is no reference. An example is the largest of numbers
that are equal, but for their last bits."""
JUMPS = {"If", "TopK", "ArgMax", "ArgMin", "QuantizeLinear", "DynamicQuantizeLinear", "Sign", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "ThresholdedRelu"}


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    verdict: str
    what: str
    deviation: float = 0.0
    reason: str = ""
    refused_inputs: float = 0.0


def compile_file(file: bytes, samples: object) -> object:
    """The model as the compiler reads the file, which is told nothing of what the framework answers."""
    from unittest import mock

    import ciro

    with mock.patch("ciro.model.answers_of", return_value=None):
        return ciro.compile(file, samples=samples)


def deviations(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far numbers are apart, as parts of the spread of all the answers, which counts as a tenth of their size at least."""
    size = max(float(np.ptp(wanted)), 0.1 * float(np.abs(wanted).max(initial=0)), 1e-6)
    return np.abs(got - wanted) / size


def compare(seed: int, what: str, answers: list, wanted: list[np.ndarray], jumps: bool = False) -> Outcome:
    """Holds what the program answered, sample by sample, against the framework's answers, output by output."""
    given = [i for i, answer in enumerate(answers) if answer.outputs is not None]
    refused = 1 - len(given) / len(answers)
    if not given:
        return Outcome(seed, "refused", what, reason="every input: " + answers[0].refusal, refused_inputs=1.0)
    worst = 0.0
    outputs = [list(answers[i].outputs.values()) for i in given]
    # A booster's own file answers with numbers alone.
    for expected, index in zip(wanted[-len(outputs[0]) :], range(len(outputs[0]))):
        got = np.stack([np.asarray(output[index]).ravel() for output in outputs])
        # Of two classes some files tell one probability, the second.
        expected = expected.reshape(len(expected), -1)[:, -got.shape[1] :]
        if expected.dtype.kind != "f":
            # Labels: how many of them differ.
            worst = max(worst, float(np.mean(got != expected[given])))
            continue
        apart = deviations(got.astype(np.float64), expected[given].astype(np.float64))
        is_torn = jumps and 0 < float(np.mean(apart > COARSE)) <= JUMPED
        worst = max(worst, WRONG if is_torn else float(apart.max(initial=0)))
    verdict = "WRONG" if worst > WRONG else "coarse" if worst > COARSE else "right"
    return Outcome(seed, verdict, what, worst, refused_inputs=refused)


def session(file: bytes) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    # The optimiser of onnxruntime 1.32 ends the process where an If lies behind a QuantizeLinear.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def shaky(runtime: object, inputs: np.ndarray, wanted: np.ndarray) -> float:
    """The part of the inputs that onnxruntime answers otherwise when their last bits change: there its own roundings decide."""
    changed = np.zeros(len(inputs), bool)
    for towards in (-np.inf, np.inf):
        nudged = np.nextafter(inputs, np.float32(towards))
        again = np.stack([runtime.run(None, {"x": x[None]})[0][0] for x in nudged])
        changed |= (deviations(again.astype(np.float64), wanted.astype(np.float64)).reshape(len(inputs), -1) > WRONG).any(axis=1)
    return float(changed.mean())


def graph_outcome(seed: int) -> Outcome:
    import graphs

    import ciro

    graph = graphs.graph(seed, SAMPLES)
    what, file = " ".join(graph.operators), graph.model.SerializeToString()
    runtime = session(file)
    wanted = np.stack([runtime.run(None, {"x": x[None]})[0][0] for x in graph.inputs])
    if not np.isfinite(wanted).all():
        return Outcome(seed, "skipped", what, reason="onnxruntime answers with numbers that are not finite")
    if shaky(runtime, graph.inputs, wanted) > SHAKY:
        return Outcome(seed, "skipped", what, reason="onnxruntime answers otherwise when the last bit of an input changes")
    half = SAMPLES // 2
    try:
        model = compile_file(file, {"x": graph.inputs[:half]})
        answers = model.run({"x": graph.inputs[half:]})
    except ciro.CiroError as error:
        return Outcome(seed, "refused", what, reason=str(error))
    return compare(seed, what, answers, [wanted[half:]], not JUMPS.isdisjoint(graph.operators))


def estimator_outcome(seed: int) -> Outcome:
    import estimators

    import ciro

    made = estimators.estimator(seed, SAMPLES)
    half = SAMPLES // 2
    try:
        model = ciro.compile(made.estimator, samples=made.inputs[:half], expected=None)
        answers = model.run(made.inputs[half:])
    except ciro.CiroError as error:
        return Outcome(seed, "refused", made.name, reason=str(error))
    return compare(seed, made.name, answers, made.answers(made.inputs[half:]))


KINDS = {"graphs": graph_outcome, "estimators": estimator_outcome}


def outcome(task: tuple[str, int]) -> Outcome:
    """What became of one seed; a crash is an outcome too."""
    kind, seed = task
    try:
        return KINDS[kind](seed)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever breaks is reported with its seed; a panic is no Exception
        return Outcome(seed, "crash", "", reason=f"{type(error).__name__}: {error}")


def brief(reason: str) -> str:
    """A refusal without what differs from one model to the next."""
    return re.sub(r'"[^"]*"|[-+]?\d[\d.e+-]*', "…", reason.split("\n")[0])[:110]


def summary(outcomes: list[Outcome], seconds: float) -> str:
    count = collections.Counter(o.verdict for o in outcomes)
    lines = [f"{len(outcomes)} models in {seconds:.0f} s: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(count.items()))]
    answered = [o for o in outcomes if o.verdict in ("right", "coarse", "WRONG")]
    if answered:
        lines.append(f"inputs refused of models that compiled: {100 * np.mean([o.refused_inputs for o in answered]):.2f} %")
    reasons = collections.Counter(brief(o.reason) for o in outcomes if o.verdict == "refused")
    lines += [f"  {n:6} refused: {reason}" for reason, n in reasons.most_common(15)]
    bad = [o for o in outcomes if o.verdict in ("WRONG", "crash")] + [o for o in outcomes if o.verdict == "coarse"]
    lines += [f"  {o.verdict} seed {o.seed}, {o.deviation:.3g}: {o.what} {o.reason[:200]}" for o in bad[:40]]
    return "\n".join(lines)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("kind", choices=sorted(KINDS))
    arguments.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    arguments.add_argument("--count", type=int, default=100, help="how many seeds")
    arguments.add_argument("--seed", type=int, help="only this one")
    arguments.add_argument("--known", type=int, nargs="*", default=[], help="seeds that are wrong, and known to be")
    arguments.add_argument("--jobs", type=int, default=1, help="processes")
    arguments.add_argument("--json", action="store_true", help="every outcome as a line of JSON")
    given = arguments.parse_args()
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.count)
    started, outcomes = time.monotonic(), []
    with multiprocessing.Pool(given.jobs, maxtasksperchild=2000) as pool:
        for done in pool.imap_unordered(outcome, [(given.kind, seed) for seed in seeds], chunksize=4):
            outcomes.append(done)
            if given.json:
                print(json.dumps(asdict(done)), flush=True)
            elif len(outcomes) % 500 == 0:
                print(f"{len(outcomes)} of {len(seeds)}", file=sys.stderr, flush=True)
    outcomes.sort(key=lambda o: o.seed)
    if not given.json:
        print(summary(outcomes, time.monotonic() - started) if given.seed is None else json.dumps(asdict(outcomes[0]), indent=2))
    return int(any(o.verdict in ("WRONG", "crash") and o.seed not in given.known for o in outcomes))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
