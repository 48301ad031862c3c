"""A program is held to what the user's own model answers, or is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

import ciro
from ciro.reference import answers_of

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def scaled_logistic():
    x, y = CANCER
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)


def test_the_report_compares_with_the_estimators_own_answers():
    x, _ = CANCER
    report = ciro.compile(scaled_logistic(), samples=x).report
    assert [output.same_class for output in report.expected] == [1.0, 1.0]
    assert all(output.max_deviation <= 1e-3 * output.spread for output in report.expected)
    assert report.tolerance == 1e-3
    assert report.held_out is not None and report.held_out.samples == len(x)
    assert "against the answers of the model itself" in str(report)


def test_an_estimator_that_answers_otherwise_than_its_file_is_refused():
    class Cautious(LogisticRegression):
        """Halves its own certainty, which no converter knows."""

        def predict_proba(self, x):
            return 0.5 + 0.5 * (super().predict_proba(x) - 0.5)

    x, y = CANCER
    x = StandardScaler().fit_transform(x)
    cautious, plain = Cautious().fit(x, y), LogisticRegression().fit(x, y)
    with pytest.raises(ciro.CompileError, match="by the answers given") as refusal:
        ciro.compile(plain, samples=x, expected=answers_of(cautious, b"", x, {}))
    assert "another function" in refusal.value.hint and "tolerance=" not in refusal.value.hint


def test_a_tolerance_accepts_what_deviates_and_the_report_says_so():
    x, y = DIABETES
    estimator = LinearRegression().fit(x, y)
    off = estimator.predict(x) + 20.0
    with pytest.raises(ciro.CompileError, match="of the output's spread"):
        ciro.compile(estimator, samples=x, expected=off)
    report = ciro.compile(estimator, samples=x, expected=off, tolerance=0.1).report
    assert report.tolerance == 0.1
    assert report.expected[0].max_deviation == pytest.approx(20, abs=0.1)


def test_samples_that_give_no_number_are_refused():
    x, y = DIABETES
    answers = LinearRegression().fit(x, y).predict(x)
    answers[3] = np.nan
    with pytest.raises(ciro.CompileError, match="sample 3.*nothing can be compared"):
        ciro.compile(LinearRegression().fit(x, y), samples=x, expected=answers, tolerance=1.0)


def test_answers_are_taken_from_frames_boosters_and_outliers():
    x, y = CANCER
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(x.shape[1])])
    forest = RandomForestClassifier(5, random_state=0).fit(frame, np.array(["bad", "good"])[y])
    answers = answers_of(forest, b"", frame, {})
    assert set(answers["label"]) == {"bad", "good"} and answers["y"].shape == (len(x), 2)
    by_column = {name: frame[[name]].to_numpy() for name in frame.columns}
    assert (answers_of(forest, b"", by_column, {})["label"] == answers["label"]).all()

    booster = XGBClassifier(n_estimators=3).fit(x, y)
    assert answers_of(booster, b"", x, {})["y"].shape == (len(x), 2)
    assert answers_of(booster.get_booster(), b"", x, {})["y"].shape == (len(x),)
    outliers = answers_of(IsolationForest(n_estimators=5).fit(x), b"", x, {})
    assert set(outliers["label"]) == {-1, 1}


def test_a_hyperbolic_tangent_is_an_activation_like_others():
    x, y = CANCER
    estimator = make_pipeline(StandardScaler(), MLPClassifier((8,), activation="tanh", max_iter=60, random_state=0))
    model = ciro.compile(estimator.fit(x, y), samples=x)
    assert [ciro.prove(model, row).label for row in x[:3]] == estimator.predict(x[:3]).tolist()
