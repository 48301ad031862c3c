"""One command under limits: it ends, and it is known what it took."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Limits:
    """What one command may take."""

    seconds: float
    memory_mib: float


@dataclass(frozen=True)
class Outcome:
    """What it took. `error` is None if it succeeded."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    stdout: str
    error: str | None


def run(command: list[str], limits: Limits, folder: Path) -> Outcome:
    """Runs `command` in `folder`; a command that exceeds a limit is killed, with everything it started."""
    launch = [sys.executable, "-I", "-S", str(LAUNCH), str(limits.seconds), str(limits.memory_mib), *command]
    done = subprocess.run(launch, cwd=folder, capture_output=True, text=True, check=False)
    *stderr, last = done.stderr.rstrip().splitlines() or [""]
    if done.returncode:
        raise RuntimeError(f"{command[0]} could not be started: {last}")
    took = json.loads(last)
    error = None
    if took["stopped"] or took["exit"]:
        error = took["stopped"] or _last_words(stderr) or f"exit {took['exit']}"
    return Outcome(took["wall_s"], took["cpu_s"], took["peak_mib"], done.stdout, error)


def _last_words(stderr: list[str]) -> str:
    """The error, without the hint that may follow it."""
    lines = [line.strip() for line in stderr if line.strip() and not line.startswith("hint:")]
    return lines[-1][:300] if lines else ""
