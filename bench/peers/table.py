"""The table, for people and for programs."""

from __future__ import annotations

from typing import Any

HEADER = """\
| model | prover | prove | prove, whole process | CPU | peak memory | verify | set-up | parameters | proof | output error |
|---|---|---|---|---|---|---|---|---|---|---|
"""

NOTES = """\
How to read it:

- *prove* is the call that proves, in a process that has just begun: for ciro running and proving ({repeats} processes, median), for
  EZKL `ezkl.prove` (one process), which reads its proving key and parameters from the disk and for which the witness was made
  before. *Whole process* adds start, loading and, for ciro, the commitment to the weights. *CPU* is user and system time
  of that process, all threads: on a machine that does other work too, compare that.
- *verify* is the whole process for ciro (median), the call alone for EZKL.
- *set-up* is, for ciro, `ciro compile` with {calibration} calibration samples; for EZKL settings, calibration on the same samples, circuit
  and keys. *Parameters* are EZKL's structured reference string, made locally for this measurement: in production it comes
  from a trusted ceremony. It is universal: one per size, shared by models. ciro has none.
- *peak memory* is that of the proving process, as the kernel counts it, which is at least about 10 MiB here.
- *output error* is the largest deviation from onnxruntime's float32 answers over the first {judged} samples.
- Both provers run with their defaults: input and output public, weights fixed (EZKL) or committed (ciro). EZKL's proofs are
  zero-knowledge in what is not public, ciro's are integrity only. Every proof was verified, and refused after one
  change{tampered}.
- A prover that fails is listed with its own words, or with the limit of this script that stopped it
  ({seconds:.0f} s and {memory:.1f} GiB a step).
"""


def markdown(report: dict[str, Any]) -> str:
    """The whole document."""
    machine, limits = report["machine"], report["limits"]
    lines = [
        f"# ciro and EZKL on the same models, {report['date']}",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB; {machine['system']}; "
        f"ciro {report['versions']['ciro']}, EZKL {report['versions']['ezkl']}. Load average over the run: "
        f"{min(report['load']):.1f} to {max(report['load']):.1f}.",
        "",
        HEADER.rstrip(),
    ]
    for name, results in report["models"].items():
        lines += [_row(name, prover, result) for prover, result in results.items()]
    lines += ["", *_ratios(report["models"]), "", NOTES.format(**limits, tampered=_accepted(report["models"]))]
    return "\n".join(lines)


def _row(name: str, prover: str, r: dict[str, Any]) -> str:
    cells = [
        r["failure"].replace("|", "/") if r["failure"] else _time(r["prove_s"]),
        _time(r["prove_process_s"]),
        _time(r["prove_cpu_s"]),
        _cell(r["prove_peak_mib"], "{:,.0f} MiB"),
        _time(r["verify_s"]),
        _time(r["setup_s"]),
        "none" if prover == "ciro" else _time(r["parameters_s"]),
        _cell(r["proof_bytes"], "{:,} B"),
        _cell(r["output_error"], "{:.1e}"),
    ]
    return f"| {name} | {prover} | " + " | ".join(cells) + " |"


def _cell(value: float | None, form: str) -> str:
    """A dash for what was not reached."""
    return "–" if value is None else form.format(value)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 1.0:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:,.0f} s"


def _ratios(models: dict[str, dict[str, Any]]) -> list[str]:
    """How many times longer, and how many times more memory, where both prove."""
    both = {name: r for name, r in models.items() if all(not x["failure"] for x in r.values()) and len(r) == 2}
    if not both:
        return ["No model was proven by both."]
    lines = [
        "EZKL over ciro, where both prove:",
        "",
        "| model | prove | prove, whole process | CPU | memory | verify |",
        "|---|---|---|---|---|---|",
    ]
    keys = ("prove_s", "prove_process_s", "prove_cpu_s", "prove_peak_mib", "verify_s")
    for name, r in both.items():
        # A process too short for the kernel's clock counts as one of its ticks.
        ratios = [r["EZKL"][key] / max(r["ciro"][key], 0.001 if key == "prove_cpu_s" else 1e-9) for key in keys]
        lines.append(
            f"| {name} | " + " | ".join(f"{ratio:,.0f}×" if ratio >= 10 else f"{ratio:.1f}×" for ratio in ratios) + " |"
        )
    return lines


def _accepted(models: dict[str, dict[str, Any]]) -> str:
    wrong = [f"{n} by {p}" for n, r in models.items() for p, x in r.items() if x["tampered_refused"] is False]
    return f", except {', '.join(wrong)}" if wrong else ""
