"""Pipelines over frames with texts, categories and holes, and estimators around others: a seed makes one of each."""

from __future__ import annotations

import numpy as np
import pandas
from sklearn import (
    compose,
    discriminant_analysis,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    model_selection,
    multioutput,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
)

JOBS = ["employee", "self-employed", "student", "retired", "none", "farmer", "artist"]


def frame(rng: np.random.Generator, rows: int, has_holes: bool) -> pandas.DataFrame:
    """A table like a lender's: numbers, texts of which some are rare, and whole numbers that are categories."""
    shares = rng.dirichlet(np.full(len(JOBS), 0.8))
    made = pandas.DataFrame(
        {
            "age": rng.integers(18, 80, rows).astype(float),
            "income": np.round(rng.lognormal(10, 0.7, rows), 2),
            "used": rng.beta(2, 3, rows),
            "late": rng.poisson(0.5, rows),
            "job": rng.choice(JOBS, rows, p=shares),
            "region": rng.integers(0, 2 + int(rng.integers(20)), rows),
        }
    )
    if has_holes:
        for name in ("income", "job"):
            made.loc[rng.random(rows) < 0.1, name] = np.nan
    return made


def encoder(rng: np.random.Generator) -> object:
    rare = int(rng.integers(5, 80))
    of = [
        lambda: preprocessing.OneHotEncoder(handle_unknown="ignore"),
        lambda: preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=rare),
        lambda: preprocessing.OneHotEncoder(max_categories=4, handle_unknown="infrequent_if_exist", drop="first"),
        lambda: preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        lambda: preprocessing.TargetEncoder(),
    ]
    return of[int(rng.integers(len(of)))]()


def scaler(rng: np.random.Generator) -> object:
    of = [preprocessing.StandardScaler, preprocessing.MinMaxScaler, preprocessing.RobustScaler, lambda: "passthrough"]
    return of[int(rng.integers(len(of)))]()


def columns(rng: np.random.Generator, has_holes: bool) -> object:
    """Each column by what fits it."""
    numbers, texts = scaler(rng), encoder(rng)
    if has_holes:
        filled = impute.SimpleImputer(strategy=["mean", "median"][int(rng.integers(2))], add_indicator=bool(rng.integers(2)))
        numbers = pipeline.make_pipeline(filled, *([] if numbers == "passthrough" else [numbers]))
        texts = pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent"), texts)
    parts = [(numbers, ["age", "income", "used"]), (texts, ["job"])]
    if rng.integers(2):
        parts.append((encoder(rng), ["region"]))
    rest = ["drop", "passthrough"][int(rng.integers(2))]
    return compose.make_column_transformer(*parts, remainder=rest, sparse_threshold=float(rng.integers(2)))


def booster(rng: np.random.Generator, classes: int, is_sparse: bool) -> object:
    import lightgbm
    import xgboost

    kind, trees, depth = int(rng.integers(2 if is_sparse else 3)), 1 + int(rng.integers(20)), 1 + int(rng.integers(5))
    ending = "Classifier" if classes else "Regressor"
    if kind == 0:
        return getattr(xgboost, f"XGB{ending}")(n_estimators=trees, max_depth=depth, n_jobs=1)
    if kind == 1:
        return getattr(lightgbm, f"LGBM{ending}")(n_estimators=trees, max_depth=depth, n_jobs=1, verbose=-1)
    return getattr(ensemble, f"HistGradientBoosting{ending}")(max_iter=trees, max_depth=depth)


def over_frame(rng: np.random.Generator, classes: int) -> tuple[object, bool]:
    """A pipeline, and whether its table has holes."""
    has_holes = bool(rng.integers(2))
    before = columns(rng, has_holes)
    if rng.random() < 0.6:
        return pipeline.make_pipeline(before, booster(rng, classes, before.sparse_threshold > 0)), has_holes
    last = linear_model.LogisticRegression(max_iter=300) if classes else linear_model.Ridge()
    scaled = [preprocessing.MaxAbsScaler()]
    return pipeline.make_pipeline(before, *scaled, last), has_holes


def around(rng: np.random.Generator, classes: int) -> object:
    """Estimators around others, and classifiers that no converter knows."""
    logistic = linear_model.LogisticRegression(max_iter=300)
    scaled = preprocessing.StandardScaler()
    if classes == 0:
        changed = [
            {"func": np.log1p, "inverse_func": np.expm1},
            {"transformer": preprocessing.StandardScaler()},
            {"transformer": preprocessing.QuantileTransformer(n_quantiles=30)},
        ][int(rng.integers(3))]
        return compose.TransformedTargetRegressor(pipeline.make_pipeline(scaled, linear_model.Ridge()), **changed)
    of = [
        lambda: pipeline.make_pipeline(scaled, feature_selection.RFE(logistic, n_features_to_select=1), logistic),
        lambda: pipeline.make_pipeline(scaled, feature_selection.SelectFromModel(logistic), logistic),
        lambda: pipeline.make_pipeline(scaled, neighbors.NearestCentroid()),
        lambda: discriminant_analysis.LinearDiscriminantAnalysis(),
        lambda: pipeline.make_pipeline(preprocessing.KBinsDiscretizer(4, encode="ordinal"), naive_bayes.CategoricalNB(min_categories=4)),
        lambda: ensemble.RandomForestClassifier(5, max_depth=4),
    ]
    if classes == 2:
        base = pipeline.make_pipeline(scaled, logistic)
        of += [
            lambda: model_selection.FixedThresholdClassifier(base, threshold=float(rng.uniform(0.1, 0.9))),
            lambda: model_selection.TunedThresholdClassifierCV(base, cv=2),
            lambda: multioutput.ClassifierChain(base),
        ]
    return of[int(rng.integers(len(of)))]()
