"""The runner fails where a page is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


def run(folder: Path, *pages: str) -> subprocess.CompletedProcess[str]:
    paths = [folder / f"{number}.md" for number in range(len(pages))]
    for path, text in zip(paths, pages):
        path.write_text(text)
    settings = {**os.environ, "CIRO": "true", "EXAMPLES": ""}
    command = [sys.executable, str(RUN), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=settings)


def test_blocks_run_in_order_and_see_what_the_ones_before_made(tmp_path: Path) -> None:
    page = "<!-- run:\necho hidden > a\n-->\n```bash\ngrep hidden a\n```\n```python\nx = open('a').read()\n```\n```python\nassert x\n```\n"
    result = run(tmp_path, page)
    assert result.returncode == 0, result.stderr
    assert "4 blocks ran" in result.stdout


def test_a_page_does_not_see_another_one(tmp_path: Path) -> None:
    result = run(tmp_path, "```bash\ntouch a\n```\n", "```bash\ntest ! -e a\n```\n")
    assert result.returncode == 0, result.stderr
    assert "0 failed, 2 passed in" in result.stdout


def test_a_background_block_has_started_and_is_ended(tmp_path: Path) -> None:
    page = "<!-- background until up -->\n```bash\ntrap 'touch {0}/ended; exit' INT\ntouch up\nwhile :; do sleep 0.05; done\n```\n```bash\ntest -e up\n```\n"
    result = run(tmp_path, page.replace("{0}", str(tmp_path)))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("```bash\nfalse\n```\n", "1: ended with code 1"),
        ("```bash\nfalse | true\n```\n", "1: ended with code 1"),
        ("x\n```python\nassert False\n```\n", "2: AssertionError"),
        ("<!-- run:\nfalse\n-->\n", "1: ended with code 1"),
        ("```\nciro\n```\n", "1: expected a language"),
        ("```bash\ntrue\n", "1: expected ``` after this line"),
        ("```rust\nfn main() {}\n```\n", "1: expected the program that cargo builds"),
        ("<!-- not run: -->\n```bash\nfalse\n```\n", "2: ended with code 1"),
        ("<!-- background until up -->\n```bash\ntrue\n```\n", "2: ended with code 0 before up was there"),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, page: str, reason: str) -> None:
    for pages in [(page,), (page, "")]:
        result = run(tmp_path, *pages)
        assert result.returncode == 1
        assert reason in result.stderr


def test_a_block_with_a_reason_is_only_shown(tmp_path: Path) -> None:
    result = run(tmp_path, "<!-- not run: hours -->\n```bash\nfalse\n```\n", "```text\nfalse\n```\n")
    assert result.returncode == 0, result.stderr
