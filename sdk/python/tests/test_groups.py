"""Estimators that tell groups, by kernels or by medians, against their own answers to samples that did not calibrate them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import AffinityPropagation, Birch, BisectingKMeans, KMeans, MeanShift, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import AdaBoostRegressor, RandomForestRegressor
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.multioutput import RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.svm import SVC, NuSVC
from sklearn.tree import DecisionTreeRegressor

import ciro

FITTED, SEEN = 300, 450


def table(kind: str, rows: int = 750) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of one size, with long tails, or like a lender's; and a score that depends on them."""
    draw = np.random.default_rng(5)
    columns = {
        "even": lambda: [*draw.normal(size=(4, rows))],
        "tails": lambda: [*draw.standard_t(2, size=(3, rows)), draw.lognormal(0, 1.5, rows)],
        "lender": lambda: [np.round(draw.lognormal(9, 1, rows), 2), draw.poisson(0.3, rows), draw.integers(18, 90, rows), draw.beta(2, 5, rows)],
    }[kind]()
    x = np.stack(columns, axis=1).astype(np.float64)
    ranks = np.argsort(np.argsort(x, axis=0), axis=0) / rows
    return x, ranks @ [0.7, -1.1, 0.9, 0.6] + 0.7 * ranks[:, 0] * ranks[:, 3]


def thirds(score):
    return np.searchsorted(np.quantile(score, [1 / 3, 2 / 3]), score)


def check(estimator, x, tolerance=1e-3):
    """Labels are the estimator's, each of them; numbers are within a part of their spread."""
    model = ciro.compile(estimator, samples=x[FITTED:SEEN])
    asked = x[SEEN:]
    answers = [answer.outputs for answer in model.run(asked)]
    predicted = estimator.predict(asked)
    if "label" in answers[0]:
        assert [answer["label"][0] for answer in answers] == predicted.tolist()
    scores = getattr(estimator, "predict_proba", None) or getattr(estimator, "decision_function", None)
    if scores is not None or "label" not in answers[0]:
        expected = np.reshape(predicted if scores is None else scores(asked), (len(asked), -1))
        got = np.stack([np.ravel(list(outputs.values())[-1]) for outputs in answers])
        assert np.abs(got - expected).max() <= tolerance * np.ptp(expected)
    assert ciro.verify(ciro.prove(model, asked[:1]), model).outputs


CLUSTERERS = [
    KMeans(4, n_init=2, random_state=0),
    MiniBatchKMeans(4, n_init=2, random_state=0),
    BisectingKMeans(5, random_state=0),
    Birch(n_clusters=3),
    AffinityPropagation(),
    MeanShift(bandwidth=3),
    MeanShift(bandwidth=1e6),
]


@pytest.mark.parametrize("kind", ["even", "lender"])
@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=lambda one: type(one).__name__)
def test_clusters_are_told_by_their_numbers(clusterer, kind):
    x, _ = table(kind)
    check(make_pipeline(StandardScaler(), clusterer).fit(x[:FITTED]), x)


@pytest.mark.parametrize("kind", ["even", "tails", "lender"])
def test_clusters_of_raw_columns(kind):
    x, _ = table(kind)
    check(KMeans(4, n_init=2, random_state=0).fit(x[:FITTED]), x)


def test_distances_from_clusters_are_columns_for_what_comes_next():
    x, score = table("lender")
    behind = make_pipeline(StandardScaler(), KMeans(4, n_init=2, random_state=0), LogisticRegression())
    check(behind.fit(x[:FITTED], score[:FITTED] > 0.8), x)


@pytest.mark.parametrize("form", ["full", "tied", "diag", "spherical"])
def test_mixtures_of_normal_distributions(form):
    x, _ = table("even")
    check(make_pipeline(StandardScaler(), GaussianMixture(3, covariance_type=form, random_state=0)).fit(x[:FITTED]), x)
    check(BayesianGaussianMixture(n_components=3, covariance_type=form, random_state=0).fit(x[:FITTED]), x)


@pytest.mark.parametrize("kind", ["even", "tails", "lender"])
def test_outliers_by_their_distance_from_the_middle(kind):
    x, _ = table(kind)
    check(EllipticEnvelope(contamination=0.05, random_state=0).fit(x[:FITTED]), x)


@pytest.mark.parametrize("kind", ["even", "lender"])
@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly"])
def test_ridge_regression_by_a_kernel(kernel, kind):
    x, score = table(kind)
    check(make_pipeline(StandardScaler(), KernelRidge(kernel=kernel, degree=2)).fit(x[:FITTED], score[:FITTED]), x)


def test_features_that_stand_for_a_kernel():
    x, score = table("even")
    for features in (Nystroem(n_components=20, random_state=0), RBFSampler(n_components=20, random_state=0)):
        check(make_pipeline(StandardScaler(), features, LogisticRegression()).fit(x[:FITTED], score[:FITTED] > 0.8), x)


@pytest.mark.parametrize("kind", ["even", "lender"])
@pytest.mark.parametrize("machine", [SVC(probability=True, random_state=0), NuSVC(nu=0.3, probability=True, random_state=0)], ids=lambda one: type(one).__name__)
def test_probabilities_of_support_vectors_step_by_step(machine, kind):
    """libsvm begins at one half and takes steps: near one half it takes none."""
    x, score = table(kind)
    check(make_pipeline(StandardScaler(), machine).fit(x[:FITTED], score[:FITTED] > 0.8), x)


@pytest.mark.parametrize("kind", ["even", "lender"])
@pytest.mark.parametrize("regressor", [Ridge(), RandomForestRegressor(5, max_depth=4, random_state=0)], ids=lambda one: type(one).__name__)
def test_chains_of_regressors(regressor, kind):
    x, score = table(kind)
    targets = np.stack([score, x[:, 3] - score, score**2], axis=1)
    check(RegressorChain(regressor, order=[2, 0, 1]).fit(x[:FITTED], targets[:FITTED]), x)


@pytest.mark.parametrize("kind", ["even", "tails", "lender"])
def test_quantiles_as_normal_numbers_before_linear_models(kind):
    """They rise steeply at both ends, and jump where many rows are alike."""
    x, score = table(kind)
    quantiles = QuantileTransformer(n_quantiles=100, output_distribution="normal")
    check(make_pipeline(quantiles, Ridge()).fit(x[:FITTED], score[:FITTED]), x, 2e-3)
    check(make_pipeline(quantiles, LogisticRegression()).fit(x[:FITTED], score[:FITTED] > 0.8), x, 2e-3)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
@pytest.mark.parametrize("kind", ["even", "lender"])
def test_weighted_medians_of_trees(kind, loss):
    x, score = table(kind)
    boosted = AdaBoostRegressor(DecisionTreeRegressor(max_depth=3), n_estimators=15, loss=loss, random_state=0)
    check(boosted.fit(x[:FITTED], 100 * score[:FITTED]), x)


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_margins_tell_classes_whose_probabilities_are_alike(loss):
    x, score = table("tails")
    estimator = make_pipeline(StandardScaler(), SGDClassifier(loss=loss, random_state=0)).fit(x[:FITTED], thirds(score)[:FITTED])
    highest = np.sort(estimator.predict_proba(x[SEEN:]), axis=1)
    assert (highest[:, -1] == highest[:, -2]).any() or loss == "log_loss", "some probabilities are alike"
    check(estimator, x)


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_that_are_certain_far_out(classes):
    """On raw amounts, margins are so large that most probabilities are one."""
    x, score = table("lender")
    y = thirds(score) if classes == 3 else (score > 0.8).astype(int)
    check(SGDClassifier(loss="log_loss", random_state=0).fit(x[:FITTED], y[:FITTED]), x)
