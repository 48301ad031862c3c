"""The README's examples are programs that run."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs_and_proves(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example, of_batch = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["proof"].label == names["estimator"].predict(names["X"][:1])[0]
    assert (tmp_path / "answer.ciro").read_bytes() == names["proof"].bytes
    assert "valid, proven (A4" in capsys.readouterr().out
    calls = [line for line in example.splitlines() if "ciro" in line and not line.startswith("import")]
    assert len(calls) <= 5, "it is called a five-line example"
    exec(compile(of_batch, "README.md", "exec"), names)
    assert capsys.readouterr().out.strip() == str(names["estimator"].predict(names["X"][17:18])[0])
