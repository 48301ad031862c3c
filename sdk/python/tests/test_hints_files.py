"""Hints about files of boosters, estimators and inputs: each is refused with its hint, and doing what that says works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
import xgboost
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import ciro

RNG = np.random.default_rng(4)
X = RNG.normal(size=(120, 3)).astype(np.float32)
Y = (X[:, 0] + 0.5 * X[:, 1] > 0.1).astype(int)
POSITIVE = np.exp(0.5 * X[:, 0]).astype(np.float64)
CLASSES = np.digitize(X[:, 0], [-0.5, 0.5])
FORM = {"options": {"zipmap": False}, "target_opset": {"": 18, "ai.onnx.ml": 3}}
"""How classical models are exported here: the newest version of ai.onnx.ml is ahead of what the converter writes for all of them."""
PROBABLE = to_onnx(SVC(probability=True, random_state=0).fit(X, Y), X[:1], **FORM)
"""As skl2onnx writes it. Once an estimator is compiled in this process, support vectors are written as we do."""
LGB = {"verbose": -1, "num_threads": 1, "num_leaves": 4, "min_data_in_leaf": 5}


def hint_of(model: object, **options: object) -> str:
    with pytest.raises(ciro.CompileError) as refusal:
        ciro.compile(model, samples=X, **options)
    return refusal.value.hint or ""


def answers(model: ciro.Model, x: np.ndarray = X) -> np.ndarray:
    """The last output of each sample."""
    found = model.run(x)
    assert not [answer.refusal for answer in found if answer.refusal]
    return np.stack([np.ravel(list(answer.outputs.values())[-1]) for answer in found]).astype(float)


def assert_answers(model: ciro.Model, expected: np.ndarray, tolerance: float = 2e-3) -> None:
    wanted = np.asarray(expected, float).reshape(len(X), -1)
    assert np.ptp(wanted) > 0, "samples that are all answered alike show nothing"
    got = answers(model)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance * max(1.0, np.abs(wanted).max())


def objectives(hint: str) -> list[str]:
    """The names that a hint lists."""
    return re.search(r"these work: (.*)", hint).group(1).split(", ")


def renamed(text: str, old: str, new: str) -> bytes:
    assert old in text
    return text.replace(old, new).encode()


def xgboost_of(objective: str) -> tuple[xgboost.Booster, np.ndarray]:
    """A booster and what it predicts."""
    parameters = {"objective": objective, "max_depth": 2, "nthread": 1}
    label = {"reg": POSITIVE, "count": np.round(POSITIVE), "survival": POSITIVE, "multi": CLASSES}.get(objective.split(":")[0], Y)
    if objective == "reg:logistic":
        label = Y
    if objective.startswith("multi"):
        parameters["num_class"] = 3
    if objective == "reg:quantileerror":
        parameters["quantile_alpha"] = 0.5
    data = xgboost.DMatrix(X, label)
    if objective == "survival:aft":
        data.set_float_info("label_lower_bound", POSITIVE)
        data.set_float_info("label_upper_bound", POSITIVE)
    if objective.startswith("rank"):
        data.set_group([40, 80])
    booster = xgboost.train(parameters, data, 4)
    return booster, booster.predict(xgboost.DMatrix(X))


def test_the_objectives_of_xgboost_that_a_hint_lists_work(tmp_path):
    booster, _ = xgboost_of("reg:squarederror")
    hint = hint_of(renamed(booster.save_raw("json").decode(), "reg:squarederror", "reg:unheard"))
    ranks = [f"rank:{kind}" for kind in ("pairwise", "ndcg", "map")]
    names = [name for listed in objectives(hint) for name in (ranks if listed == "rank:*" else [listed])]
    assert len(names) > 15
    for name in names:
        booster, expected = xgboost_of(name)
        booster.save_model(tmp_path / "model.json")
        model = ciro.compile(tmp_path / "model.json", samples=X)
        if name == "multi:softmax":
            assert [np.ravel(answer.outputs["label"])[0] for answer in model.run(X)] == expected.tolist()
        elif name == "binary:hinge":
            assert (answers(model).reshape(len(X), -1)[:, -1] == expected).all()
        elif name.startswith("binary:") and name != "binary:logitraw":
            assert np.abs(answers(model)[:, -1] - expected).max() < 2e-3, name
        else:
            assert_answers(model, expected)


def lightgbm_of(objective: str) -> tuple[lightgbm.Booster, np.ndarray]:
    """A booster and what it predicts."""
    parameters = {**LGB, "objective": objective}
    label = POSITIVE if objective in ("poisson", "gamma", "tweedie") else X[:, 0]
    if objective in ("binary", "cross_entropy"):
        label = Y
    if objective.startswith("multiclass"):
        parameters["num_class"], label = 3, CLASSES
    group = [40, 80] if objective in ("lambdarank", "rank_xendcg") else None
    booster = lightgbm.train(parameters, lightgbm.Dataset(X, Y if group else label, group=group), 4)
    return booster, booster.predict(X)


def test_the_objectives_of_lightgbm_that_a_hint_lists_work():
    booster, _ = lightgbm_of("poisson")
    names = objectives(hint_of(renamed(booster.model_to_string(), "objective=poisson", "objective=unheard")))
    assert len(names) > 12
    for name in names:
        booster, expected = lightgbm_of(name)
        model = ciro.compile(booster.model_to_string().encode(), samples=X)
        if name == "binary":
            assert np.abs(answers(model)[:, -1] - expected).max() < 2e-3
        else:
            assert_answers(model, expected)


def test_linear_leaves_are_read_from_text():
    linear = {**LGB, "objective": "regression", "linear_tree": True}
    booster = lightgbm.train(linear, lightgbm.Dataset(X, X[:, 0] * X[:, 1], params=linear), 3)
    assert "save it with save_model: as text, such leaves are read" in hint_of(json.dumps(booster.dump_model()).encode())
    assert_answers(ciro.compile(booster.model_to_string().encode(), samples=X), booster.predict(X), 0.01)


def test_json_of_no_known_library_is_saved_as_the_hint_says(tmp_path):
    hint = hint_of(b'{"model": "mine"}')
    assert "Booster.save_model of XGBoost or LightGBM, or Booster.dump_model of LightGBM" in hint
    booster, expected = xgboost_of("reg:squarederror")
    booster.save_model(tmp_path / "model.json")
    assert_answers(ciro.compile(tmp_path / "model.json", samples=X), expected)
    booster, expected = lightgbm_of("regression")
    booster.save_model(tmp_path / "model.txt")
    assert_answers(ciro.compile(tmp_path / "model.txt", samples=X), expected)
    (tmp_path / "dumped.json").write_text(json.dumps(booster.dump_model()))
    assert_answers(ciro.compile(tmp_path / "dumped.json", samples=X), expected)


def older(booster: xgboost.Booster, change: Callable[[dict], None]) -> bytes:
    """A booster's file without what older versions did not write."""
    document = json.loads(booster.save_raw("json"))
    change(document["learner"]["gradient_booster"]["model"])
    return json.dumps(document).encode()


def test_vectors_at_leaves_are_saved_again(tmp_path):
    parameters = {"multi_strategy": "multi_output_tree", "tree_method": "hist", "max_depth": 2, "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(X, X[:, :2]), 3)
    old = older(booster, lambda model: [tree.pop("leaf_weights") for tree in model["trees"]])
    assert "save the model again with a current version of XGBoost" in hint_of(old)
    booster.save_model(tmp_path / "model.json")
    assert_answers(ciro.compile(tmp_path / "model.json", samples=X), booster.predict(xgboost.DMatrix(X)))


def test_a_model_that_stopped_early_is_saved_again_or_cut(tmp_path):
    data = xgboost.DMatrix(X, Y)
    noise = xgboost.DMatrix(X, 1 - Y)
    stopping = {"evals": [(noise, "n")], "early_stopping_rounds": 3, "verbose_eval": False}
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, data, 9, **stopping)
    assert booster.best_iteration + 1 < booster.num_boosted_rounds()
    hint = hint_of(older(booster, lambda model: model.pop("iteration_indptr")), rounds="best")
    assert "save the model again with a current version of XGBoost, or booster[: best_iteration + 1]" in hint
    kept = booster[: booster.best_iteration + 1]
    expected = kept.predict(data)
    for saved, options in ((booster, {"rounds": "best"}), (kept, {})):
        saved.save_model(tmp_path / "model.json")
        assert_answers(ciro.compile(tmp_path / "model.json", samples=X, **options), expected)
    cut = older(kept, lambda model: model.pop("iteration_indptr"))
    assert_answers(ciro.compile(cut, samples=X), expected)


@pytest.mark.filterwarnings("ignore")
def test_probabilities_of_support_vectors_are_calibrated_or_left_out():
    hint = hint_of(PROBABLE)
    assert "train with probability=False, or calibrate with CalibratedClassifierCV" in hint
    plain = SVC(probability=False).fit(X, Y)
    model = ciro.compile(to_onnx(plain, X[:1], **FORM), samples=X)
    assert [np.ravel(answer.outputs["label"])[0] for answer in model.run(X)] == plain.predict(X).tolist()
    calibrated = CalibratedClassifierCV(SVC(), ensemble=False).fit(X, Y)
    assert_answers(ciro.compile(calibrated, samples=X), calibrated.predict_proba(X), 0.01)


def test_texts_are_counted_before_the_model():
    texts = np.array([["good fine"], ["bad"], ["fine bad bad"], ["good good"]] * 30)
    counter = CountVectorizer().fit(texts.ravel())
    counts = counter.transform(texts.ravel()).toarray().astype(np.float32)
    estimator = LogisticRegression().fit(counts, Y)
    types = [("x", StringTensorType([None, 1]))]
    whole = to_onnx(make_pipeline(counter, estimator), initial_types=types, **FORM)
    with pytest.raises(ciro.CompileError) as refusal:
        ciro.compile(whole)
    assert "do that before the model, and export what comes after it, with the numbers that it gives for inputs" in refusal.value.hint
    model = ciro.compile(to_onnx(estimator, counts[:1], **FORM), samples=counts)
    assert np.abs(answers(model, counts) - estimator.predict_proba(counts)).max() < 2e-3


def test_missing_values_are_filled_in_or_imputed():
    holes = np.where(RNG.random(X.shape) < 0.1, np.nan, X).astype(np.float32)
    hole = holes[np.isnan(holes).any(axis=1)][0]
    estimator = LinearRegression().fit(X, X @ [1.0, 2.0, -1.0])
    model = ciro.compile(estimator, samples=X)
    with pytest.raises(ciro.InputError) as refusal:
        model.prove(hole)
    assert refusal.value.hint == "the model was not made for missing values there: fill them in, or put an imputer before the model"
    imputer = SimpleImputer().fit(holes)
    filled = imputer.transform(hole[None])
    expected = estimator.predict(filled)
    assert model.prove(filled[0]).output.reshape(-1) == pytest.approx(expected, abs=2e-3)
    imputed = ciro.compile(make_pipeline(imputer, estimator), samples=holes)
    assert imputed.prove(hole).output.reshape(-1) == pytest.approx(expected, abs=2e-3)
