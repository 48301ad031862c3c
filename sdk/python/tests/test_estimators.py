"""Estimators as data scientists fit them."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import DMatrix, XGBClassifier, XGBRegressor

import ciro

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
DIGITS = load_digits(return_X_y=True)


def check(estimator, x, expected, tolerance, accepted=None):
    """Compiles, proves and verifies; the answers to the first rows are the expected ones."""
    model = ciro.compile(estimator, samples=x, tolerance=accepted)
    for row, answer in zip(x, expected[:3]):
        proof = ciro.prove(model, row)
        assert proof.output.reshape(-1) == pytest.approx(np.reshape(answer, -1), abs=tolerance)
        assert ciro.verify(proof, model).outputs.keys() == proof.outputs.keys()
    return model


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        DecisionTreeClassifier(max_depth=5, random_state=0),
        RandomForestClassifier(20, max_depth=4, random_state=0),
        ExtraTreesClassifier(20, max_depth=4, random_state=0),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_classifiers_give_their_probabilities_and_labels(estimator):
    x, y = CANCER
    estimator.fit(x, y)
    model = check(estimator, x, estimator.predict_proba(x[:3]), 1e-3)
    assert [ciro.prove(model, row).label for row in x[:5]] == estimator.predict(x[:5]).tolist()
    assert model.report.outputs[0].same_class == 1.0


def test_a_booster_behind_steps_that_mix_columns_may_be_accepted_with_what_its_file_rounds():
    """The converter adds in float32 what the pipeline adds in float64: a sample next to a threshold may go the other way."""
    x, y = CANCER
    estimator = make_pipeline(PCA(5), XGBClassifier(n_estimators=10, max_depth=4)).fit(x, y)
    model = check(estimator, x, estimator.predict_proba(x[:3]), 1e-2, accepted=0.5)
    assert model.report.tolerance == 0.5
    assert [ciro.prove(model, row).label for row in x[:5]] == estimator.predict(x[:5]).tolist()


@pytest.mark.parametrize(
    ("estimator", "tolerance"),
    [
        (LinearRegression(), 1e-2),
        (RandomForestRegressor(10, max_depth=4, random_state=0), 1e-2),
        (XGBRegressor(n_estimators=10), 1e-2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_regressors_give_their_values(estimator, tolerance):
    x, y = DIABETES
    estimator.fit(x, y)
    model = check(estimator, x, estimator.predict(x[:3]), tolerance)
    assert ciro.prove(model, x[0]).label is None


def test_labels_may_be_texts():
    x, y = CANCER
    named = np.array(["malignant", "benign"])[y]
    estimator = DecisionTreeClassifier(max_depth=4, random_state=0).fit(x, named)
    model = ciro.compile(estimator, samples=x)
    assert [ciro.prove(model, row).label for row in x[:3]] == named[:3].tolist()


def test_a_linear_support_vector_machine_gives_its_margins():
    x, y = load_iris(return_X_y=True)
    estimator = make_pipeline(StandardScaler(), LinearSVC()).fit(x, y)
    model = check(estimator, x, estimator.decision_function(x[:3]), 1e-3)
    assert [ciro.prove(model, row).label for row in x[::50]] == estimator.predict(x[::50]).tolist()


@pytest.mark.parametrize("estimator", [LinearSVC(), RidgeClassifier()], ids=lambda estimator: type(estimator).__name__)
def test_two_classes_without_probabilities_give_their_margin(estimator):
    x, y = CANCER
    pipeline = make_pipeline(StandardScaler(), estimator).fit(x, y)
    model = check(pipeline, x, pipeline.decision_function(x[:3]), 1e-3)
    assert [ciro.prove(model, row).label for row in x[15:25]] == pipeline.predict(x[15:25]).tolist()
    assert len(set(pipeline.predict(x[15:25]))) == 2


def test_an_isolation_forest_tells_outliers():
    x, _ = CANCER
    estimator = IsolationForest(n_estimators=20, max_samples=64, random_state=0).fit(x)
    model = ciro.compile(estimator, samples=x)
    chosen = np.argsort(estimator.score_samples(x))[[0, 1, -2, -1]]
    assert estimator.predict(x[chosen]).tolist() == [-1, -1, 1, 1]
    assert [ciro.prove(model, row).label for row in x[chosen]] == [-1, -1, 1, 1]


def test_ten_classes():
    x, y = DIGITS
    estimator = XGBClassifier(n_estimators=4, max_depth=4).fit(x, y)
    model = check(estimator, x, estimator.predict_proba(x[:3]), 1e-4)
    assert ciro.prove(model, x[3]).output.shape == (1, 10)


def test_xgboost_needs_no_converter(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    monkeypatch.setitem(sys.modules, "onnxmltools", None)
    x, y = CANCER
    estimator = XGBClassifier(n_estimators=10, max_depth=4).fit(x, y)
    model = check(estimator, x, estimator.predict_proba(x[:3])[:, 1], 1e-5)
    assert [ciro.prove(model, row).label for row in x[:5]] == estimator.predict(x[:5]).tolist()
    booster = estimator.get_booster()
    check(booster, x, booster.predict(DMatrix(x[:3])), 1e-5)


def test_missing_values_go_where_the_booster_learnt():
    x, y = CANCER
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.2, np.nan, x)
    estimator = XGBClassifier(n_estimators=10, max_depth=4).fit(x, y)
    assert np.isnan(x[:3]).any()
    check(estimator, x, estimator.predict_proba(x[:3])[:, 1], 1e-5)


def test_trees_after_the_best_round_do_not_count():
    x, y = CANCER
    estimator = XGBClassifier(n_estimators=60, max_depth=6, learning_rate=1.0, early_stopping_rounds=5)
    estimator.fit(x[:60], y[:60], eval_set=[(x[60:], y[60:])], verbose=False)
    best, all_trees = estimator.predict_proba(x[:3])[:, 1], estimator.get_booster().predict(DMatrix(x[:3]))
    assert np.abs(best - all_trees).max() > 1e-3, "the extra trees make a difference"
    check(estimator, x, best, 1e-5)


def test_lightgbm():
    try:
        import lightgbm
    except OSError as error:
        pytest.skip(f"LightGBM's wheel does not load here: {error}")
    x, y = CANCER
    estimator = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(x, y)
    check(estimator, x, estimator.predict_proba(x[:3])[:, 1], 1e-5)
    check(estimator.booster_, x, estimator.booster_.predict(x[:3]), 1e-5)
    named = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(x, np.array(["malignant", "benign"])[y])
    model = check(named, x, named.predict_proba(x[:3])[:, 1], 1e-5)
    assert [ciro.prove(model, row).label for row in x[:3]] == named.predict(x[:3]).tolist()


@pytest.mark.parametrize(
    ("missing", "estimator"),
    [
        ("skl2onnx", DecisionTreeClassifier(max_depth=2)),
        ("onnxmltools", make_pipeline(PCA(3), XGBClassifier(n_estimators=2))),
    ],
)
def test_a_missing_converter_is_named_with_its_pip_command(monkeypatch, missing, estimator):
    x, y = CANCER
    estimator.fit(x, y)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ciro.CompileError, match=missing) as refusal:
        ciro.compile(estimator, samples=x)
    assert refusal.value.hint == f"pip install {missing}"


def test_an_estimator_that_is_not_fitted_is_refused():
    with pytest.raises(ciro.CompileError, match="does not say how many features") as refusal:
        ciro.compile(LogisticRegression())
    assert "fit the estimator" in refusal.value.hint
    with pytest.raises(ciro.CompileError, match="LogisticRegression cannot be converted"):
        ciro.compile(LogisticRegression(), samples=CANCER[0])


def test_what_is_no_model_at_all_is_refused():
    with pytest.raises(ciro.CompileError, match="expected an estimator, a path.*got dict") as refusal:
        ciro.compile({"weights": [1, 2]})
    assert "torch.onnx.export" in refusal.value.hint
