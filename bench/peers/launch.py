"""Starts one command, watches it, and says what it took: `launch.py SECONDS MEMORY_MIB COMMAND...`, one JSON line on stderr's end.

A process of its own with few imports, for the kernel counts what a process inherits from the one that started it towards its
peak: the measuring program with numpy is larger than some of the proofs it measures. What is left is a floor of 10 MiB.
"""

import json
import os
import signal
import sys
import time

# How often memory is looked at, seconds. Peaks are the kernel's; this only decides when to stop.
POLL = 0.05


def resident_mib(pid: int) -> float:
    """0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError):
        return 0.0


def main() -> None:
    """Runs the command to its end, or to a limit."""
    seconds, memory_mib, command = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    stopped = None
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        took = time.perf_counter() - started
        if done:
            break
        if stopped is None and took > seconds:
            stopped = f"stopped by this script after {seconds:.0f} s"
        elif stopped is None and resident_mib(pid) > memory_mib:
            stopped = f"stopped by this script above {memory_mib / 1024:.1f} GiB"
        if stopped:
            os.killpg(pid, signal.SIGKILL)
        # Short commands are timed to a fraction of a millisecond, long ones are looked at now and then.
        time.sleep(min(POLL, max(took / 50, 1e-4)))
    # Linux counts kibibytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    took_of_it = {
        "wall_s": took,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss * unit / 2**20,
        "exit": os.waitstatus_to_exitcode(status),
        "stopped": stopped,
    }
    sys.stderr.write("\n" + json.dumps(took_of_it) + "\n")


main()
