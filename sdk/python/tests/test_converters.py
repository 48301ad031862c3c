"""Estimators that skl2onnx leaves out or writes otherwise, against their own answers to 200 samples and more."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.decomposition import FactorAnalysis, FastICA, SparsePCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, SelectKBest, SequentialFeatureSelector, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import CategoricalNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

import ciro

X, Y = load_breast_cancer(return_X_y=True)
X = X[:, :6].astype(np.float32).astype(np.float64)
HOLES = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)


def check(estimator, x, tolerance=1e-3):
    """The program answers all samples as the estimator does, of which half were not seen when it was compiled."""
    model = ciro.compile(estimator, samples=x[:280])
    scores = getattr(estimator, "predict_proba", None) or getattr(estimator, "decision_function", estimator.predict)
    scores = scores(x[280:])
    expected = np.concatenate(scores, axis=1) if isinstance(scores, list) else np.reshape(scores, (len(x) - 280, -1))
    answers = [answer.outputs for answer in model.run(x[280:])]
    got = np.stack([np.ravel(list(outputs.values())[-1])[-expected.shape[1] :] for outputs in answers])
    # Of two classes a booster's own file tells one probability, the second.
    expected = expected[:, -got.shape[1] :]
    assert np.abs(got - expected).max() <= tolerance * np.ptp(expected)
    if hasattr(estimator, "classes_") and not isinstance(estimator.classes_, list):
        labels = [str(np.ravel(list(outputs.values())[0])[0]) for outputs in answers]
        assert labels == [str(label) for label in estimator.predict(x[280:])]
    assert ciro.verify(ciro.prove(model, x[:1]), model).outputs


@pytest.mark.parametrize(
    "forest",
    [DecisionTreeClassifier(max_depth=5, random_state=0), RandomForestClassifier(8, max_depth=4, random_state=0)],
    ids=lambda forest: type(forest).__name__,
)
def test_forests_send_missing_values_where_they_learnt(forest):
    forest.fit(HOLES, Y)
    assert (forest.predict(HOLES) != forest.predict(np.nan_to_num(HOLES))).any(), "it makes a difference"
    check(forest, HOLES)


def lender():
    """A table like a lender's: an amount with a long tail, a balance, a count that is mostly zero, ages and a flag; and who paid."""
    draw = np.random.default_rng(11)
    amount, balance = np.round(np.exp(draw.normal(7, 1.6, 569)), 2), np.round(draw.standard_t(2.2, 569) * 900 + 500, 2)
    late, age, flag = draw.poisson(0.4, 569), draw.integers(18, 90, 569), draw.random(569) < 0.3
    x = np.stack([amount, balance, late, age, flag], axis=1).astype(np.float64)
    score = 0.8 * late - 0.3 * np.log(amount / 1000) - 0.03 * (age - 45) + 0.5 * flag
    return x, (draw.random(569) < 1 / (1 + np.exp(-score))).astype(int)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()], ids=lambda scaler: type(scaler).__name__)
@pytest.mark.parametrize(
    "trees",
    [
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=20, max_depth=5, random_state=0),
        BaggingClassifier(n_estimators=10, random_state=0),
        CalibratedClassifierCV(RandomForestClassifier(10, random_state=0), cv=2),
    ],
    ids=lambda trees: type(trees).__name__,
)
def test_trees_behind_a_scaler_decide_as_it_rounds(scaler, trees):
    """Ages have thresholds half way between two of them, on which a third one lies."""
    x, y = lender()
    check(make_pipeline(scaler, trees).fit(x, y), x)


def test_trees_behind_a_scaler_of_float32s():
    x, y = lender()
    single = x.astype(np.float32)
    check(make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(single, y), single)


def test_trees_behind_scaled_columns_and_categories():
    x, y = lender()
    frame = pandas.DataFrame(x, columns=["amount", "balance", "late", "age", "flag"]).assign(job=jobs()["job"], region=jobs()["region"])
    scaled = (StandardScaler(), ["amount", "balance", "age"])
    forest = RandomForestClassifier(20, random_state=0)
    coded = make_column_transformer(scaled, (OneHotEncoder(handle_unknown="ignore"), ["job", "region"]))
    check(make_pipeline(coded, forest).fit(frame, y), frame)
    # The texts are dropped.
    kept = make_column_transformer(scaled, ("passthrough", ["late", "flag", "region"]))
    check(make_pipeline(kept, forest).fit(frame, y), frame)


@pytest.mark.parametrize("trees", [2, 6, 10, 20])
def test_half_of_a_forest_is_the_first_class(trees):
    x, y = lender()
    forest = ExtraTreesClassifier(trees, random_state=0).fit(x[:280], y[:280])
    assert (forest.predict_proba(x[280:])[:, 0] == 0.5).sum() >= 5, "there are ties"
    model = ciro.compile(forest, samples=x[:280])
    assert [answer.outputs["label"][0] for answer in model.run(x[280:])] == forest.predict(x[280:]).tolist()


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianNB(),
        QuadraticDiscriminantAnalysis(),
        SVC(),
        MLPClassifier((100,), max_iter=80, random_state=0),
        MLPClassifier((20, 20), max_iter=80, random_state=0),
    ],
    ids=["bayes", "quadratic", "kernel", "wide", "deep"],
)
def test_squares_and_layers_of_amounts_beside_flags(estimator):
    x, y = lender()
    model = make_pipeline(StandardScaler(), estimator).fit(x, y)
    accepted = ciro.compile(model, samples=x[:280])
    expected = (model.predict_proba if hasattr(estimator, "predict_proba") else model.decision_function)(x[280:])
    answers = [answer.outputs for answer in accepted.run(x[280:])]
    # One that is far beyond all samples is refused.
    given = [i for i, outputs in enumerate(answers) if outputs is not None]
    assert len(given) >= len(answers) - 1
    got = np.stack([np.ravel(list(answers[i].values())[-1])[: np.ndim(expected)] for i in given])
    expected = np.reshape(expected, (len(answers), -1))[given][:, : np.ndim(expected)]
    assert np.abs(got - expected).max() <= 1e-3 * np.ptp(expected)


@pytest.mark.parametrize("neighbours", [1, 5])
def test_neighbours_of_more_than_a_few_samples(neighbours):
    check(make_pipeline(StandardScaler(), KNeighborsClassifier(neighbours)).fit(X[:150], Y[:150]), X)
    check(make_pipeline(StandardScaler(), KNeighborsRegressor(neighbours)).fit(X[:150], np.round(X[:150, 3])), X)


def test_neighbours_that_tie_are_refused():
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ciro.CompileError, match="lie equally far") as refusal:
        ciro.compile(KNeighborsClassifier(3).fit(x[::2], y[::2]), samples=x[::2])
    assert "a tree or a kernel" in refusal.value.hint


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


def jobs():
    """A table like a lender's: two numbers and two columns of categories, some of them rare, some missing."""
    draw = np.random.default_rng(3)
    names = ["employee", "self-employed", "student", "retired", "none", "farmer"]
    frame = pandas.DataFrame({"age": X[:, 0], "income": X[:, 3], "job": draw.choice(names, len(X), p=[0.4, 0.2, 0.2, 0.1, 0.06, 0.04])})
    frame["region"] = draw.integers(0, 9, len(X))
    return frame


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(min_frequency=60, handle_unknown="infrequent_if_exist"),
        OneHotEncoder(max_categories=4, drop="first"),
        TargetEncoder(random_state=0),
    ],
    ids=["infrequent", "most", "target"],
)
def test_categories_are_what_the_encoder_makes_of_them(encoder):
    frame = jobs()
    columns = make_column_transformer((StandardScaler(), ["age", "income"]), (encoder, ["job", "region"]))
    check(make_pipeline(columns, LogisticRegression()).fit(frame, Y), frame)


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_texts_that_are_missing_become_others(strategy):
    frame = jobs()
    frame.loc[np.random.default_rng(1).random(len(frame)) < 0.2, "job"] = None
    filled = make_pipeline(SimpleImputer(strategy=strategy, fill_value="other"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer((StandardScaler(), ["age", "income"]), (filled, ["job"]))
    check(make_pipeline(columns, LogisticRegression()).fit(frame, Y), frame)


@pytest.mark.parametrize("kind", [FixedThresholdClassifier, TunedThresholdClassifierCV])
def test_thresholds_decide_the_class_and_leave_the_probabilities(kind):
    given = {"threshold": 0.2} if kind is FixedThresholdClassifier else {"cv": 2, "scoring": "f1"}
    base = make_pipeline(StandardScaler(), LogisticRegression())
    check(kind(base, **given).fit(X, np.array(["bad", "good"])[Y] if not given.get("cv") else Y), X)


@pytest.mark.parametrize(
    "given",
    [{"func": np.log1p, "inverse_func": np.expm1}, {"transformer": StandardScaler()}, {"transformer": QuantileTransformer(n_quantiles=40)}],
    ids=["logarithm", "scaled", "quantiles"],
)
def test_targets_that_were_changed_are_sent_back(given):
    estimator = TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge()), **given)
    check(estimator.fit(X, X[:, 3] ** 1.5), X)


def test_discriminant_analysis_of_columns_as_they_are():
    check(LinearDiscriminantAnalysis().fit(X, Y), X)
    quadratic = make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis()).fit(X[:, :3], Y)
    report = ciro.compile(quadratic, samples=X[:, :3], tolerance=0.01).report
    assert report.expected[-1].mean_deviation <= 1e-3 and report.expected[0].same_class == 1.0


def test_the_nearest_mean_and_the_probabilities_beside_it():
    check(make_pipeline(StandardScaler(), NearestCentroid()).fit(X, Y), X)
    even = np.sort(np.r_[np.flatnonzero(Y == 0)[:150], np.flatnonzero(Y == 1)[:150]])
    check(make_pipeline(StandardScaler(), NearestCentroid()).fit(X[even], Y[even]), X)


def test_naive_bayes_of_categories():
    codes = np.floor(X / X.max(axis=0) * 4.99)
    check(CategoricalNB().fit(codes, Y), codes)


def test_columns_that_a_classifier_chose():
    chosen = RFE(LogisticRegression(), n_features_to_select=3)
    check(make_pipeline(StandardScaler(), chosen, LogisticRegression()).fit(X, Y), X)


def test_several_targets_at_once():
    several = np.c_[Y, X[:, 0] > 14].astype(int)
    check(make_pipeline(StandardScaler(), ClassifierChain(LogisticRegression(), order=[1, 0])).fit(X, several), X)
    check(RandomForestClassifier(8, max_depth=4, random_state=0).fit(X, several), X)
    check(XGBRegressor(n_estimators=5, max_depth=3, multi_strategy="multi_output_tree").fit(X, np.c_[X[:, 3], X[:, 1]]), X)


def test_calibration_by_a_temperature():
    x, y = load_wine(return_X_y=True)
    x, y = np.tile(x, (3, 1)), np.tile(y, 3)
    base = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    check(CalibratedClassifierCV(base, method="temperature", cv=2).fit(x, y), x)
    check(CalibratedClassifierCV(base, method="temperature", cv=2).fit(X, Y), X)


def test_boosters_that_answer_with_classes_tell_their_probabilities():
    x, y = load_wine(return_X_y=True)
    x, y = np.tile(x, (3, 1)), np.tile(y, 3)
    check(XGBClassifier(n_estimators=5, objective="multi:softmax").fit(x, y), x)
    hinge = XGBClassifier(n_estimators=5, objective="binary:hinge").fit(X, Y)
    assert ciro.compile(hinge, samples=X).report.expected[0].same_class == 1.0
    raw = XGBClassifier(n_estimators=5, objective="binary:logitraw").fit(X, Y)
    margins = np.stack([np.ravel(answer.outputs["prediction"]) for answer in ciro.compile(raw, samples=X).run(X)])
    assert np.allclose(margins[:, 0], raw.predict_proba(X)[:, 1], atol=1e-4)


def test_zeros_that_are_missing_go_against_a_threshold():
    sparse = np.where(np.random.default_rng(0).random(X.shape) < 0.3, 0.0, X)
    estimator = lightgbm.LGBMClassifier(n_estimators=5, zero_as_missing=True, verbose=-1, n_jobs=1).fit(sparse, Y)
    check(estimator, sparse)
    roots = lightgbm.LGBMRegressor(n_estimators=5, reg_sqrt=True, verbose=-1, n_jobs=1).fit(X, X[:, 3] - 300)
    check(roots, X)


def test_small_probabilities_are_right_relative_to_themselves():
    estimator = make_pipeline(StandardScaler(), LogisticRegression(C=100.0)).fit(X, Y)
    got = [np.ravel(list(answer.outputs.values())[-1]) for answer in ciro.compile(estimator, samples=X[:280]).run(X[280:])]
    expected = estimator.predict_proba(X[280:])
    is_small = (expected > 1e-6) & (expected < 1e-3)
    assert is_small.sum() >= 20, "there are some"
    assert (np.abs(np.stack(got) - expected)[is_small] <= 0.01 * expected[is_small]).all()


@pytest.mark.parametrize(
    "selector",
    [SelectKBest(k=1), VarianceThreshold(), SequentialFeatureSelector(Ridge(), n_features_to_select=1), RFE(LogisticRegression(), n_features_to_select=1)],
    ids=lambda selector: type(selector).__name__,
)
def test_the_first_column_may_be_the_only_one_that_is_kept(selector):
    x, draw = X.copy(), np.random.default_rng(2)
    x[:, 1:] = 0 if isinstance(selector, VarianceThreshold) else draw.normal(size=(len(x), 5)).astype(np.float32)
    kept = make_pipeline(MinMaxScaler(), selector, LogisticRegression()).fit(x, Y)
    assert kept[1].get_support().tolist() == [True] + [False] * 5
    check(kept, x)


@pytest.mark.parametrize(
    "transformer",
    [FactorAnalysis(2), FastICA(3, random_state=0), SparsePCA(2, random_state=0), LinearDiscriminantAnalysis()],
    ids=lambda transformer: type(transformer).__name__,
)
def test_columns_that_are_added_up_before_a_model(transformer):
    classes = np.searchsorted(np.quantile(X[:, 0], [0.3, 0.7]), X[:, 0])
    check(make_pipeline(StandardScaler(), transformer, LogisticRegression(max_iter=300)).fit(X, classes), X)
