"""Proving does not hold the interpreter."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import ciro


def test_other_threads_run_while_a_proof_is_made(model, logistic):
    go, ran = threading.Event(), threading.Event()

    def other():
        go.wait()
        ran.set()

    thread = threading.Thread(target=other)
    thread.start()
    interval = sys.getswitchinterval()
    # From here on a thread gets the interpreter only when this one gives it away.
    sys.setswitchinterval(1e6)
    try:
        go.set()
        seen = False
        for _ in range(100):
            ciro.prove(model, logistic.x[0])
            seen = seen or ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert seen


def test_one_model_serves_several_threads(model, logistic):
    expected = [ciro.prove(model, x).bytes for x in logistic.x[:4]]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda x: ciro.prove(model, x).bytes, logistic.x[:4])) == expected
