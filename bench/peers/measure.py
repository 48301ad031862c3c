"""Measures ciro and EZKL on the same models in one run. `bench/peers/run` makes the environment and calls this."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import table
from limits import Limits
from peers import CALIBRATION, JUDGED, Ciro, Ezkl, Prover, Reference

ROOT = Path(__file__).parents[2]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench/peers/run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to measure; default: all that are found")
    parser.add_argument(
        "--models",
        type=Path,
        action="append",
        metavar="DIR",
        help="folders of NAME.onnx and NAME.npz; default: vectors/models",
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "bench/peers/results", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--only", choices=("ciro", "EZKL"), help="one prover only")
    parser.add_argument("--repeats", type=int, default=9, help="proofs and verifications by ciro; default: %(default)s")
    parser.add_argument(
        "--timeout", type=float, default=1200.0, metavar="S", help="seconds a step may take; default: %(default)s"
    )
    parser.add_argument(
        "--memory", type=float, metavar="GIB", help="memory a step may take; default: three quarters of the machine's"
    )
    return parser.parse_args()


def models(folders: list[Path], names: list[str]) -> dict[str, Path]:
    """The model files by name; the first folder that has a name wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.onnx")):
            if path.with_suffix(".npz").exists():
                found.setdefault(path.stem, path)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise SystemExit(f"error: expected models out of {', '.join(sorted(found))}; got {', '.join(unknown)}")
    return {name: found[name] for name in names or sorted(found)}


def memory_gib() -> float:
    """Of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def processor() -> str:
    """Its name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def ciro_version(binary: str) -> str:
    """Version and commit."""
    done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return f"{done.stdout.split()[-1]} {os.environ.get('CIRO_COMMIT', '')}".strip()


def head(options: argparse.Namespace, binary: str, limits: Limits) -> dict[str, Any]:
    """What holds for all rows."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(memory_gib(), 1),
            "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        },
        "versions": {"ciro": ciro_version(binary), "ezkl": version("ezkl")},
        "limits": {
            "seconds": limits.seconds,
            "memory": limits.memory_mib / 1024,
            "repeats": options.repeats,
            "calibration": CALIBRATION,
            "judged": JUDGED,
        },
        "load": [os.getloadavg()[0]],
        "models": {},
    }


def parameters_folder() -> Path:
    """EZKL's parameters take minutes and up to a gigabyte: they are kept for the next run."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(cache) / "ciro" / "ezkl-parameters"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(report: dict[str, Any], out: Path) -> None:
    """Both forms, anew after every model: a run that is broken off has written what it found."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{report['date']}.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / f"{report['date']}.md").write_text(table.markdown(report))


def main() -> None:
    """Measures every model with every prover."""
    options = arguments()
    binary = str(Path(os.environ["CIRO"]).resolve())
    limits = Limits(options.timeout, (options.memory or memory_gib() * 0.75) * 1024)
    provers: dict[str, Prover] = {
        "ciro": Ciro(binary, limits, options.repeats),
        "EZKL": Ezkl(limits, parameters_folder()),
    }
    chosen = {name: prover for name, prover in provers.items() if options.only in (None, name)}
    report = head(options, binary, limits)
    for name, path in models(options.models or [ROOT / "vectors/models"], options.names).items():
        report["models"][name] = {}
        for prover, peer in chosen.items():
            print(f"… {name} with {prover}", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                result = peer.measure(Reference.load(path), Path(folder))
            report["models"][name][prover] = dataclasses.asdict(result)
            report["load"].append(os.getloadavg()[0])
            print(f"  {result.failure or f'proven in {result.prove_s:.3f} s'}", flush=True)
        write(report, options.out)
    print(f"written: {options.out / report['date']}.md and .json")


if __name__ == "__main__":
    main()
