"""Hints that hold lines to run are run here, and lead to a model or to samples that work."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import ciro

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = (X[:, 0] > X[:, 1]).astype(int)


def hint_for(path: Path) -> str:
    with pytest.raises(ciro.CompileError) as refusal:
        ciro.compile(path)
    return refusal.value.hint


def follow(hint: str, file: Path, folder: Path, **names: object) -> dict[str, object]:
    """Runs the lines of a hint after the sentence that they follow, with the file and folder that they name."""
    lines = hint.splitlines()[1:]
    assert len(lines) == 3, hint
    code = "\n".join(lines).replace("FILE", str(file)).replace("FOLDER", str(folder / "model"))
    code = code.replace('"model.onnx"', f'"{folder / "model.onnx"}"')
    scope = dict(names)
    exec(code, scope)  # noqa: S102 - this is what a reader of the hint does
    return scope


@pytest.mark.parametrize("compress", [0, 3])
def test_joblib_files_are_loaded_where_they_were_written(tmp_path, compress):
    import joblib

    file = tmp_path / "model.joblib"
    joblib.dump(LogisticRegression().fit(X, Y), file, compress=compress)
    follow(hint_for(file), file, tmp_path, x=X)
    model = ciro.compile(tmp_path / "model")
    assert model.prove(X[0]).label == LogisticRegression().fit(X, Y).predict(X[:1])[0]


@pytest.mark.parametrize("form", ["cbm", "json"])
def test_catboost_exports_itself(tmp_path, form):
    catboost = pytest.importorskip("catboost")
    estimator = catboost.CatBoostRegressor(iterations=5, depth=2, verbose=False).fit(X, X[:, 0])
    file = tmp_path / f"model.{form}"
    estimator.save_model(file, format=form)
    follow(hint_for(file), file, tmp_path)
    model = ciro.compile(tmp_path / "model.onnx", samples=X)
    assert model.prove(X[0]).output.reshape(-1) == pytest.approx(estimator.predict(X[:1]), abs=1e-5)


@pytest.fixture
def network():
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    return torch, torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))


def same_as(network, file: Path) -> None:
    torch, net = network
    model = ciro.compile(file, samples=X)
    expected = net(torch.tensor(X[:1])).detach().numpy().reshape(-1)
    assert model.prove(X[0]).output.reshape(-1) == pytest.approx(expected, abs=0.02)


def test_torch_files_are_exported(tmp_path, network):
    torch, net = network
    file = tmp_path / "model.pt"
    torch.save(net, file)
    follow(hint_for(file), file, tmp_path, x=torch.tensor(X[:1]))
    same_as(network, tmp_path / "model.onnx")


def test_safetensors_are_put_into_their_network(tmp_path, network):
    torch, net = network
    save_file = pytest.importorskip("safetensors.torch").save_file
    file = tmp_path / "model.safetensors"
    save_file(net.state_dict(), file)
    hint = hint_for(file)
    follow(hint, file, tmp_path, model=net, x=torch.tensor(X[:1]))
    same_as(network, tmp_path / "model.onnx")


@pytest.mark.parametrize("form", ["parquet", "feather"])
def test_tables_of_other_formats_are_written_as_csv(cli, tmp_path, form, monkeypatch):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = ciro.compile(LogisticRegression().fit(frame, Y), samples=frame)
    model.save(tmp_path / "model")
    file = tmp_path / f"samples.{form}"
    getattr(frame[:4], f"to_{form}")(file)
    prove = ["prove", tmp_path / "model", "--batch", 4, "-o", tmp_path / "batch.ciro", "--json", "--input"]
    refused = cli(*prove, file)
    assert refused.returncode == 2, refused.stdout
    monkeypatch.chdir(tmp_path)
    follow(json.loads(refused.stderr)["error"]["hint"], file, tmp_path)
    done = cli(*prove, tmp_path / "samples.csv")
    assert done.returncode == 0, done.stderr


def test_a_file_of_texts_for_labels_is_named_as_the_note_says(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    estimator = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(X, np.where(Y, "good", "bad"))
    file = tmp_path / "model.txt"
    estimator.booster_.save_model(file)
    (note,) = [note for note in ciro.compile(file, samples=X).notes if "labels" in note]
    assert re.search(r"in Python labels=", note)
    assert ciro.compile(file, samples=X, labels=["bad", "good"]).prove(X[0]).label == estimator.predict(X[:1])[0]


def test_the_ranges_that_refusals_name_take_the_sample():
    """A refusal names the first element that does not fit, and so the next one may name another."""
    estimator = LogisticRegression().fit(X, Y)
    far = X[0] * np.float32(30)
    spans = []
    for _ in X[0]:
        options = {"input_range": spans[-1]} if spans else {}
        try:
            label = ciro.compile(estimator, samples=X, **options).prove(far).label
            break
        except ciro.InputError as refusal:
            spans.append(float(re.search(r"input_range=(\d+)", refusal.hint).group(1)))
    assert spans and sorted(set(spans)) == spans
    assert label == estimator.predict(far[None])[0]
    assert ciro.compile(estimator, samples=np.vstack([X, far])).prove(far).label == label


def test_names_of_classes_that_a_file_does_not_have_are_asked_for(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    estimator = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1).fit(X, np.array(["bad", "good"])[Y])
    estimator.booster_.save_model(tmp_path / "model.txt")
    answers = {"label": estimator.predict(X), "y": estimator.predict_proba(X)[:, 1]}
    with pytest.raises(ciro.CompileError) as refusal:
        ciro.compile(tmp_path / "model.txt", samples=X, expected=answers)
    assert "labels=[" in refusal.value.hint
    model = ciro.compile(tmp_path / "model.txt", samples=X, expected=answers, labels=estimator.classes_.tolist())
    assert model.prove(X[0]).label == estimator.predict(X[:1])[0]


@pytest.mark.parametrize("kind", ["CatBoostClassifier", "CatBoostRegressor"])
def test_catboosts_estimators_need_no_file(kind):
    catboost = pytest.importorskip("catboost")
    target = X[:, 0] if kind == "CatBoostRegressor" else np.array(["bad", "good"])[Y]
    estimator = getattr(catboost, kind)(iterations=5, depth=2, verbose=False, allow_writing_files=False).fit(X, target)
    model = ciro.compile(estimator, samples=X)
    assert model.report.expected, "it was asked"
    categories = pd.DataFrame({"a": np.where(X[:, 0] > 0, "x", "z"), "b": X[:, 1]})
    estimator = getattr(catboost, kind)(iterations=2, verbose=False, allow_writing_files=False, cat_features=["a"]).fit(categories, target)
    with pytest.raises(ciro.CompileError) as refusal:
        ciro.compile(estimator, samples=categories)
    assert "encode categories before it" in refusal.value.hint


def test_a_forest_tells_in_python_where_missing_values_go(tmp_path):
    """The file of a forest does not say it, and the hint leads to the estimator itself."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    holes = np.where(RNG.random((200, 3)) < 0.2, np.nan, RNG.normal(size=(200, 3))).astype(np.float32)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(holes, np.nan_to_num(holes[:, 0]) > 0.1)
    (tmp_path / "model.onnx").write_bytes(to_onnx(forest, holes[:1], options={"zipmap": False}).SerializeToString())
    with pytest.raises(ciro.CompileError) as refusal:
        ciro.compile(tmp_path / "model.onnx", samples=holes)
    (call,) = re.findall(r"ciro\.compile\(.*\)", refusal.value.hint)
    model = eval(call, {"ciro": ciro, "forest": forest, "x": holes})  # noqa: S307 - this is what a reader of the hint does
    assert [answer.outputs["label"][0] for answer in model.run(holes)] == forest.predict(holes).tolist()


REPOSITORY = Path(__file__).parents[3]
NOT_RUN = 6
"""Hints that no test follows; it only shrinks."""


def hints_in_the_source() -> set[str]:
    """Texts that the compiler gives as hints: literals that are named so."""
    literal = r'(?:\bhint: |let hint = (?:format!\()?|const [A-Z_]+: &str =\s*)"((?:[^"\\]|\\.|\\\n)*)"'
    files = sorted((REPOSITORY / "crates/proof/compile/src").rglob("*.rs"))
    texts = [text for file in files for text in re.findall(literal, file.read_text().split("#[cfg(test)]")[0])]
    # A sentence, not a file's name or the name of a format.
    return {text for text in (re.sub(r"\\\n\s*", "", text) for text in texts) if text.count(" ") >= 3}


def test_each_hint_has_a_test_or_is_known_to_have_none():
    """`hints.txt` has a line for each hint: the test that follows it, or a dash."""
    lines = [line.split("\t") for line in (Path(__file__).parent / "hints.txt").read_text().splitlines()]
    listed = {hint: test for test, hint in lines}
    assert set(listed) == hints_in_the_source(), "each hint has a line in hints.txt"
    folders = [REPOSITORY / "crates/proof/compile", REPOSITORY / "sdk/python/tests"]
    tests = "\n".join(file.read_text() for folder in folders for form in ("*.rs", "*.py") for file in sorted(folder.rglob(form)))
    missing = [test for test in listed.values() if test != "-" and not re.search(rf"\b(?:fn|def) {test}\b", tests)]
    assert not missing, "these tests are there no more"
    assert sum(test == "-" for test in listed.values()) <= NOT_RUN, "a new hint comes with a test that follows it"
