"""Runs what the documents show, page by page, as a reader would type it.

    run.py PAGE...

Each page gets an empty folder of its own, with `ciro` and the programs of `examples/` on the path, `$MODELS` for `vectors/models`, and a data
directory of its own. Blocks run from top to bottom: those of ```bash in a shell each, those of ```python in one program. A comment in the line
before a block says what a reader need not see:

    <!-- not run: REASON -->             the block is only shown
    <!-- background until FILE -->       the block goes on while the others run, and has started once FILE is there

Comments from a line `<!-- run:` or `<!-- run python:` to a line `-->` are blocks that are not shown: they make the files that a page speaks of, or
check them. Rust is a part of a program that cargo builds: `<!-- from PATH.rs:ANCHOR -->` stands before a block of ```rust, and `cargo xtask tidy` compares
the two. A block without a language is an error, so that none is left out by mistake; what is no program says ```text.

Needs CIRO, the binary. EXAMPLES names the folder of the built Rust programs.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES_RUN = ("bash", "python", "rust")
LANGUAGES_SHOWN = ("text", "json", "toml", "yaml")
# A block takes a few seconds. One that hangs is reported long before whoever waits gives up.
LIMIT_S = 240

NOT_RUN = re.compile(r"<!-- not run: \S.* -->$")
BACKGROUND = re.compile(r"<!-- background until (\S+) -->$")
HIDDEN = {"<!-- run:": "bash", "<!-- run python:": "python"}
EXCERPT = re.compile(r"<!-- from \S+\.rs:\w+ -->$")


class PageError(Exception):
    """Something on a page that is wrong or failed, with its line."""


@dataclass
class Block:
    """A fenced block or a hidden one, and the comment that stands before it."""

    line: int
    language: str
    text: str
    comment: str = ""

    @property
    def is_run(self) -> bool:
        return self.language in LANGUAGES_RUN and not NOT_RUN.match(self.comment)

    @property
    def ready(self) -> Optional[str]:
        """The file that shows that a block in the background has started."""
        found = BACKGROUND.match(self.comment)
        return found.group(1) if found else None


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        if line.startswith("```") or line in HIDDEN:
            ending = "-->" if line in HIDDEN else "```"
            body = []
            start = number
            number += 1
            while number < len(lines) and lines[number].strip() != ending:
                body.append(lines[number])
                number += 1
            if number == len(lines):
                raise PageError(f"{start + 1}: expected {ending} after this line, got the end of the page")
            comment = lines[start - 1].strip() if start and line not in HIDDEN else ""
            yield Block(start + 1, HIDDEN.get(line, line[3:]), "\n".join(body), comment)
        number += 1


def check(block: Block) -> None:
    """Refuses a block of which nobody said whether it runs."""
    if block.language not in LANGUAGES_RUN + LANGUAGES_SHOWN:
        expected = ", ".join(LANGUAGES_RUN + LANGUAGES_SHOWN)
        raise PageError(f"{block.line}: expected a language of {expected}, got {block.language!r}")
    if block.language == "rust" and block.is_run and not EXCERPT.match(block.comment):
        raise PageError(f"{block.line}: expected the program that cargo builds to be named before its Rust")


def shell(block: Block, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # What a shell starts in the background ignores Ctrl-C, and so would the blocks of a run that was started like that.
    return subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", block.text],
        env=environment,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )


def heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_in_foreground(block: Block, environment: dict[str, str]) -> None:
    process = shell(block, environment)
    try:
        code = process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise PageError(f"{block.line}: ran longer than {LIMIT_S} s") from None
    if code != 0:
        raise PageError(f"{block.line}: ended with code {code}")


def start_in_background(block: Block, ready: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    process = shell(block, environment)
    for _ in range(LIMIT_S * 20):
        if Path(ready).exists():
            return process
        if process.poll() is not None:
            raise PageError(f"{block.line}: ended with code {process.returncode} before {ready} was there")
        time.sleep(0.05)
    stop(process)
    raise PageError(f"{block.line}: {ready} was not there after {LIMIT_S} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a block in the background as Ctrl-C does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_blocks(page: list[Block], environment: dict[str, str]) -> int:
    """Runs them in the current folder. Returns how many there were."""
    names: dict[str, object] = {"__name__": "__main__"}
    background = []
    ran = 0
    try:
        for block in page:
            if not block.is_run or block.language == "rust":
                continue
            if block.language == "python":
                run_python(block, names)
            elif block.ready:
                background.append(start_in_background(block, block.ready, environment))
            else:
                run_in_foreground(block, environment)
            ran += 1
    finally:
        for process in background:
            stop(process)
    return ran


def run_python(block: Block, names: dict[str, object]) -> None:
    try:
        # Lines of a traceback are those of the page.
        exec(compile("\n" * block.line + block.text, "page", "exec"), names)
    except Exception as error:
        raise PageError(f"{block.line}: {type(error).__name__}: {error}") from error


def environment(folder: Path) -> dict[str, str]:
    """What a block finds: the programs, and no network or wallet of anybody else."""
    programs = folder / "programs"
    programs.mkdir()
    # A port that is free takes the place of the usual one, which some other network on this machine may have.
    ciro = programs / "ciro"
    ciro.write_text('#!/bin/sh\n[ "$1" != up ] || set -- "$@" --port 0\nexec "$CIRO" "$@"\n')
    ciro.chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ.get("EXAMPLES", ""), os.path.dirname(sys.executable), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "CIRO_HOME": str(folder / "page" / ".ciro"), "MODELS": str(ROOT / "vectors/models")}


def read_page(path: Path) -> list[Block]:
    """The blocks of a page, each of them checked."""
    page = list(blocks(path.read_text()))
    for block in page:
        check(block)
    return page


def run_page(page: list[Block]) -> int:
    """Runs a page in an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = environment(folder)
        os.environ.update(settings)
        (folder / "page").mkdir()
        os.chdir(folder / "page")
        try:
            return run_blocks(page, settings)
        finally:
            os.chdir(ROOT)


def passes(path: str, is_alone: bool) -> bool:
    """Whether the blocks of a page run. Without `is_alone` they get a process of their own: what a page leaves behind is no help to the next."""
    try:
        page = read_page(Path(path))
        if is_alone:
            print(f"{path}: {run_page(page)} blocks ran", flush=True)
        elif any(block.is_run for block in page):
            return subprocess.run([sys.executable, __file__, path], check=False).returncode == 0
    except PageError as error:
        print(f"{path}:{error}", file=sys.stderr)
        return False
    return True


def main(arguments: list[str]) -> int:
    if len(arguments) == 1:
        return 0 if passes(arguments[0], is_alone=True) else 1
    started = time.monotonic()
    failed = [page for page in arguments if not passes(page, is_alone=False)]
    # As pytest says it, so that ./test counts pages.
    print(f"{len(failed)} failed, {len(arguments) - len(failed)} passed in {time.monotonic() - started:.1f}s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
