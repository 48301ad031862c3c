"""Random tables and estimators fitted on them: a seed makes one of each.

Tables look like a lender's: counts that are mostly zero, amounts with cents, ratios, flags, and numbers that are missing where the estimator
takes them. The framework's own `predict`, `predict_proba` and `decision_function` are the judge.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pipelines
from sklearn import calibration, discriminant_analysis, ensemble, linear_model, naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm, tree

FITTED = 400


@dataclass(frozen=True)
class Made:
    """An estimator with inputs of its kind."""

    name: str
    estimator: object
    inputs: object
    """An array, or a frame."""

    def answers(self, x: object) -> list[np.ndarray]:
        """What the framework answers, in the order of the compiled model's outputs."""
        if not hasattr(self.estimator, "classes_"):
            return [np.asarray(self.estimator.predict(x), np.float64).reshape(len(x), -1)]
        scores = getattr(self.estimator, "predict_proba", None) or self.estimator.decision_function
        found = np.asarray(scores(x), np.float64).reshape(len(x), -1)
        if isinstance(self.estimator.classes_, list):
            # The classes of several targets follow from their scores.
            return [found]
        last = self.estimator[-1] if hasattr(self.estimator, "steps") else self.estimator
        if found.shape[1] == 1 and type(last).__name__ == "SVC":
            # Of two classes, the file has the margin first, and its negative second.
            found = np.hstack([found, -found])
        return [np.asarray(self.estimator.predict(x)), found]


def table(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Columns of several kinds, as float32 numbers in doubles."""
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: rng.poisson(0.3, rows),
        lambda: np.round(rng.lognormal(6, 1.2, rows), 2),
        lambda: rng.beta(2, 5, rows),
        lambda: rng.standard_normal(rows),
        lambda: rng.integers(0, 2, rows),
        lambda: rng.integers(18, 90, rows),
        lambda: rng.uniform(-1e-3, 1e-3, rows),
    ]
    columns = [kinds[int(rng.integers(len(kinds)))]() for _ in range(2 + int(rng.integers(8)))]
    return np.stack(columns, 1).astype(np.float32).astype(np.float64)


def target(rng: np.random.Generator, x: np.ndarray, classes: int) -> np.ndarray:
    """Something that depends on the columns; `classes` of 0 asks for numbers."""
    ranks = np.argsort(np.argsort(x, axis=0), axis=0) / len(x)
    score = ranks @ rng.standard_normal(x.shape[1]) + ranks[:, 0] * ranks[:, -1] + 0.1 * rng.standard_normal(len(x))
    return np.searchsorted(np.quantile(score, np.arange(1, classes) / classes), score) if classes else score * float(10.0 ** rng.uniform(-1, 3))


def tree_based(rng: np.random.Generator, classes: int, seed: int) -> object:
    depth, trees = 1 + int(rng.integers(5)), 1 + int(rng.integers(20))
    common = {"max_depth": depth, "random_state": seed}
    of = {
        True: [
            lambda: tree.DecisionTreeClassifier(**common),
            lambda: ensemble.RandomForestClassifier(trees, **common),
            lambda: ensemble.ExtraTreesClassifier(trees, **common),
            lambda: ensemble.GradientBoostingClassifier(n_estimators=trees, **common),
            lambda: ensemble.HistGradientBoostingClassifier(max_iter=trees, **common),
            lambda: ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=depth), trees, random_state=seed),
            lambda: ensemble.AdaBoostClassifier(tree.DecisionTreeClassifier(max_depth=1), n_estimators=trees, random_state=seed),
            lambda: xgboost_estimator("XGBClassifier", rng, trees, depth),
            lambda: lightgbm_estimator("LGBMClassifier", rng, trees, depth),
        ],
        False: [
            lambda: tree.DecisionTreeRegressor(**common),
            lambda: ensemble.RandomForestRegressor(trees, **common),
            lambda: ensemble.GradientBoostingRegressor(n_estimators=trees, **common),
            lambda: ensemble.HistGradientBoostingRegressor(max_iter=trees, **common),
            lambda: xgboost_estimator("XGBRegressor", rng, trees, depth),
            lambda: lightgbm_estimator("LGBMRegressor", rng, trees, depth),
        ],
    }[classes > 0]
    return of[int(rng.integers(len(of)))]()


def xgboost_estimator(name: str, rng: np.random.Generator, trees: int, depth: int) -> object:
    import xgboost

    booster = ["gbtree", "gbtree", "dart", "gblinear"][int(rng.integers(4))]
    options = {} if booster == "gblinear" else {"max_depth": depth, "subsample": float(rng.uniform(0.6, 1))}
    return getattr(xgboost, name)(n_estimators=trees, booster=booster, learning_rate=float(rng.uniform(0.1, 1)), n_jobs=1, **options)


def lightgbm_estimator(name: str, rng: np.random.Generator, trees: int, depth: int) -> object:
    import lightgbm

    kind = ["gbdt", "gbdt", "dart", "rf"][int(rng.integers(4))]
    options = {"subsample": 0.7, "subsample_freq": 1} if kind == "rf" else {}
    return getattr(lightgbm, name)(n_estimators=trees, boosting_type=kind, max_depth=depth, num_leaves=2 + int(rng.integers(14)), n_jobs=1, verbose=-1, **options)


def linear_or_other(rng: np.random.Generator, classes: int, seed: int) -> object:
    hidden = [(4,), (8, 4)][int(rng.integers(2))]
    shape = ["relu", "tanh", "logistic"][int(rng.integers(3))]
    of = {
        True: [
            lambda: linear_model.LogisticRegression(max_iter=300),
            lambda: linear_model.SGDClassifier(loss="log_loss", random_state=seed),
            lambda: linear_model.RidgeClassifier(),
            lambda: svm.LinearSVC(),
            lambda: discriminant_analysis.LinearDiscriminantAnalysis(),
            lambda: naive_bayes.GaussianNB(),
            lambda: neighbors.KNeighborsClassifier(3),
            lambda: svm.SVC(kernel=["linear", "rbf", "poly"][int(rng.integers(3))], random_state=seed),
            lambda: neural_network.MLPClassifier(hidden_layer_sizes=hidden, activation=shape, max_iter=80, random_state=seed),
            lambda: calibration.CalibratedClassifierCV(linear_model.LogisticRegression(max_iter=300), cv=2),
            lambda: ensemble.VotingClassifier([("a", linear_model.LogisticRegression(max_iter=300)), ("b", tree.DecisionTreeClassifier(max_depth=3))], voting="soft"),
        ],
        False: [
            lambda: linear_model.LinearRegression(),
            lambda: linear_model.Lasso(0.01),
            lambda: linear_model.HuberRegressor(max_iter=300),
            lambda: linear_model.TweedieRegressor(power=0, max_iter=300),
            lambda: svm.SVR(kernel=["linear", "rbf"][int(rng.integers(2))]),
            lambda: neural_network.MLPRegressor(hidden_layer_sizes=hidden, activation=shape, max_iter=80, random_state=seed),
        ],
    }[classes > 0]
    return of[int(rng.integers(len(of)))]()


def scaler(rng: np.random.Generator) -> list:
    of = [
        [preprocessing.StandardScaler()],
        [preprocessing.MinMaxScaler(clip=bool(rng.integers(2)))],
        [preprocessing.RobustScaler()],
        [preprocessing.MaxAbsScaler(), preprocessing.Normalizer()],
        [preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(2)],
        [preprocessing.KBinsDiscretizer(4, encode="ordinal", strategy="uniform")],
    ]
    return of[int(rng.integers(len(of)))]


# Part of the seeds that draw from `pipelines`.
PIPELINES = 0.4


def estimator(seed: int, samples: int) -> Made:
    """The estimator of this seed, fitted, with so many inputs that it did not see."""
    apart = np.random.default_rng((seed, 1))
    return piped(apart, samples) if apart.random() < PIPELINES else plain(seed, samples)


def piped(rng: np.random.Generator, samples: int) -> Made:
    classes = [0, 2, 2, 3][int(rng.integers(4))]
    if rng.random() < 0.6:
        whole, has_holes = pipelines.over_frame(rng, classes)
        x = pipelines.frame(rng, FITTED + samples, has_holes)
        score = x[["age", "used", "late"]].rank(pct=True).sum(axis=1) + (x.job == "student") + 0.3 * rng.standard_normal(len(x))
        y = np.searchsorted(np.quantile(score, np.arange(1, classes) / classes), score) if classes else score.to_numpy()
    else:
        whole, x = pipelines.around(rng, classes), table(rng, FITTED + samples)
        y = target(rng, x, classes)
        y = y - y.min() if classes == 0 else np.c_[y, rng.permutation(y)] if type(whole).__name__ == "ClassifierChain" else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(x[:FITTED], y[:FITTED])
    steps = [step for _, step in whole.steps] if hasattr(whole, "steps") else [whole]
    return Made(" ".join(type(step).__name__ for step in steps), whole, x[FITTED:])


def plain(seed: int, samples: int) -> Made:
    """An estimator behind a scaler at most."""
    rng = np.random.default_rng(seed)
    x = table(rng, FITTED + samples)
    classes = [0, 2, 2, 3][int(rng.integers(4))]
    y = target(rng, x, classes)
    is_tree = bool(rng.integers(2))
    last = (tree_based if is_tree else linear_or_other)(rng, classes, seed)
    steps = [] if is_tree and rng.random() < 0.8 else scaler(rng)
    whole = pipeline.make_pipeline(*steps, last) if steps else last
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(x[:FITTED], y[:FITTED])
    name = " ".join(type(step).__name__ for step in [*steps, last])
    return Made(name, whole, x[FITTED:])
