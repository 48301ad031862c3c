"""Estimators that skl2onnx leaves out or writes otherwise, against their own answers to 200 samples and more."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import ciro

X, Y = load_breast_cancer(return_X_y=True)
X = X[:, :6].astype(np.float32).astype(np.float64)
HOLES = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)


def check(estimator, x, tolerance=1e-3):
    """The program answers all samples as the estimator does, of which half were not seen when it was compiled."""
    model = ciro.compile(estimator, samples=x[:280])
    scores = getattr(estimator, "predict_proba", None) or getattr(estimator, "decision_function", estimator.predict)
    expected = np.reshape(scores(x[280:]), (len(x) - 280, -1))
    answers = [answer.outputs for answer in model.run(x[280:])]
    got = np.stack([np.ravel(list(outputs.values())[-1])[-expected.shape[1] :] for outputs in answers])
    assert np.abs(got - expected).max() <= tolerance * np.ptp(expected)
    if hasattr(estimator, "classes_"):
        labels = [str(np.ravel(list(outputs.values())[0])[0]) for outputs in answers]
        assert labels == [str(label) for label in estimator.predict(x[280:])]
    assert ciro.verify(ciro.prove(model, x[0]), model).outputs


@pytest.mark.parametrize(
    "forest",
    [DecisionTreeClassifier(max_depth=5, random_state=0), RandomForestClassifier(8, max_depth=4, random_state=0)],
    ids=lambda forest: type(forest).__name__,
)
def test_forests_send_missing_values_where_they_learnt(forest):
    forest.fit(HOLES, Y)
    assert (forest.predict(HOLES) != forest.predict(np.nan_to_num(HOLES))).any(), "it makes a difference"
    check(forest, HOLES)


def test_quantiles_are_lines_between_those_that_were_learnt():
    x = X.copy()
    # Ties: a number that many samples have is a jump, and stands in its middle.
    x[::3, 0] = x[0, 0]
    check(make_pipeline(QuantileTransformer(n_quantiles=50), LogisticRegression()).fit(x, Y), x)


def test_isotonic_calibration_follows_the_line_between_its_thresholds():
    base = make_pipeline(StandardScaler(), LogisticRegression())
    check(IsotonicRegression(increasing="auto", out_of_bounds="clip").fit(X[:, 0], Y), X[:, :1])
    # Where a score lies beside a threshold, a program of fewer digits may take the line before it.
    calibrated = CalibratedClassifierCV(base, method="isotonic", cv=2).fit(X, Y)
    report = ciro.compile(calibrated, samples=X, tolerance=0.02).report
    assert report.expected[-1].mean_deviation <= 1e-3 and report.expected[0].same_class >= 0.98


def test_calibrations_ask_a_pipeline_for_its_margin():
    base = make_pipeline(StandardScaler(), LogisticRegression())
    check(CalibratedClassifierCV(base, cv=2).fit(X, np.array(["bad", "good"])[Y]), X)


def test_a_vote_is_asked_for_probabilities_and_one_by_hands_for_its_class():
    parts = [("a", make_pipeline(StandardScaler(), LogisticRegression())), ("b", DecisionTreeClassifier(max_depth=3))]
    check(VotingClassifier(parts, voting="soft").fit(X, Y), X)
    hands = VotingClassifier(parts).fit(X, Y)
    labels = [answer.outputs["output_label"][0] for answer in ciro.compile(hands, samples=X[:280]).run(X[280:])]
    assert labels == hands.predict(X[280:]).tolist()


def test_steps_that_do_nothing_and_results_that_are_sparse_make_no_difference():
    bins = KBinsDiscretizer(4, strategy="uniform")
    check(make_pipeline("passthrough", StandardScaler(), bins, LogisticRegression()).fit(X, Y), X)


def test_histograms_behind_steps_that_choose_columns():
    chosen = make_column_transformer(("passthrough", [2, 1, 0]))
    check(make_pipeline(chosen, HistGradientBoostingClassifier(max_iter=5)).fit(X, Y), X)


def test_two_classes_by_their_margin():
    check(make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(X, Y), X)
    support = make_pipeline(StandardScaler(), SVC()).fit(X, Y)
    assert ciro.compile(support, samples=X).report.expected[0].same_class >= 0.999


@pytest.mark.parametrize(
    "step",
    [PowerTransformer(), make_pipeline(FunctionTransformer(np.log1p), StandardScaler())],
    ids=["power", "logarithm"],
)
def test_columns_have_functions_of_their_own(step):
    amounts = X * [1.0, 1.0, 100.0, 1e6, 1.0, 1.0]
    check(make_pipeline(step, LogisticRegression()).fit(amounts, Y), amounts, 5e-3)


def test_flags_tell_what_an_imputer_has_filled():
    imputer = SimpleImputer(add_indicator=True)
    check(make_pipeline(imputer, StandardScaler(), LogisticRegression()).fit(HOLES, Y), HOLES)
    below = SimpleImputer(strategy="constant", fill_value=-1.0, add_indicator=True)
    check(make_pipeline(below, DecisionTreeClassifier(max_depth=4)).fit(HOLES, Y), HOLES)


def test_linear_models_at_the_leaves_of_trees():
    estimator = lightgbm.LGBMRegressor(n_estimators=5, num_leaves=6, linear_tree=True, verbose=-1, n_jobs=1)
    check(estimator.fit(X, X[:, 3] * X[:, 0]), X)
    check(make_pipeline(StandardScaler(), estimator).fit(X, X[:, 3] * X[:, 0]), X)
