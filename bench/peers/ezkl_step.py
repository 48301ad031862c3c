"""One call of EZKL's Python interface, timed: `ezkl_step.py FUNCTION ARGUMENTS_AS_JSON`, one JSON line out.

It runs in a process of its own, so that memory and failures are that call's. `witnesses` is ours: one witness per sample.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import time
from typing import Any

import ezkl


async def _call(name: str, arguments: dict[str, Any]) -> Any:
    result = getattr(ezkl, name)(**arguments)
    return await result if inspect.isawaitable(result) else result


async def _witnesses(count: int, model: str) -> list[list[float]]:
    """The outputs that the circuit gives for the samples `input-I.json`."""
    outputs = []
    for i in range(count):
        files = {"data": f"input-{i}.json", "model": model, "output": f"witness-{i}.json"}
        await _call("gen_witness", files)
        with open(files["output"]) as file:
            witness = json.load(file)
        rescaled = witness["pretty_elements"]["rescaled_outputs"]
        outputs.append([float(value) for tensor in rescaled for value in tensor])
    return outputs


async def main() -> None:
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    started = time.perf_counter()
    result = await (_witnesses(**arguments) if name == "witnesses" else _call(name, arguments))
    took = time.perf_counter() - started
    if name in ("calibrate_settings", "gen_settings", "compile_circuit", "setup", "verify") and result is False:
        raise SystemExit(f"ezkl.{name} answered False")
    print(json.dumps({"call_s": took, "outputs": result if name == "witnesses" else None}))


asyncio.run(main())
