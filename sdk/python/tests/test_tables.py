"""Frames, records and columns of texts, matched by name; labels and missing values as the estimator has them."""

from __future__ import annotations

import json

import lightgbm
import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from xgboost import DMatrix, XGBClassifier, train

import ciro
from ciro import folded

RNG = np.random.default_rng(0)
ROWS = 400


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": RNG.integers(18, 80, ROWS).astype(float),
            # Quarters, which float32 holds as float64 does.
            "income": np.round(RNG.normal(30, 8, ROWS) * 4) / 4,
            "job": RNG.choice(["clerk", "nurse", "self-employed, other"], ROWS),
            "region": RNG.integers(0, 9, ROWS),
        }
    )


FRAME = people()
BAD = (FRAME.income < 28) ^ (FRAME.job == "nurse") ^ (FRAME.region % 3 == 1)
NUMBERS = FRAME[["age", "income", "region"]]


class Streamed:
    """A frame of a library of which only Arrow's stream of columns is known."""

    def __init__(self, frame):
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return self.frame.__arrow_c_stream__(requested_schema)


class Interchanged:
    """A frame of which only the dataframe protocol is known."""

    def __init__(self, frame):
        self.frame = frame

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        return self.frame.__dataframe__(nan_as_null, allow_copy)


@pytest.fixture(scope="module")
def booster() -> ciro.Model:
    return ciro.compile(XGBClassifier(n_estimators=8, max_depth=3).fit(NUMBERS, BAD), samples=NUMBERS)


@pytest.mark.parametrize(
    "form",
    [
        lambda f: f,
        lambda f: f[["region", "age", "income"]],
        lambda f: f.assign(more=1.0),
        lambda f: f.convert_dtypes(),
        lambda f: f.astype(object),
        lambda f: f.to_dict("records"),
        lambda f: f.to_dict("list"),
        lambda f: dict(f),
        lambda f: {name: f[name].to_numpy() for name in reversed(f.columns)},
        lambda f: polars.from_pandas(f),
        lambda f: pyarrow.Table.from_pandas(f),
        lambda f: pyarrow.RecordBatch.from_pandas(f),
        lambda f: Streamed(polars.from_pandas(f)),
        lambda f: Interchanged(f),
        lambda f: f.to_records(index=False),
        lambda f: np.asfortranarray(f.to_numpy()),
        lambda f: np.repeat(f.to_numpy(), 2, axis=1)[:, ::2],
    ],
)
def test_every_form_of_a_table_is_the_same_table(booster, form):
    batch = ciro.prove_batch(booster, form(NUMBERS[:4]))
    shown = [ciro.verify(receipt, booster).inputs["x"].reshape(-1).tolist() for receipt in batch.receipts]
    assert shown == NUMBERS[:4].to_numpy().tolist()


def test_one_row_of_a_frame_is_a_sample(booster):
    row = ciro.prove(booster, NUMBERS.iloc[0][["region", "income", "age"]])
    assert row.bytes == ciro.prove(booster, NUMBERS[:1]).bytes
    assert ciro.prove(booster, NUMBERS.iloc[0].to_dict()).bytes == row.bytes


def test_a_missing_column_is_named(booster):
    with pytest.raises(ciro.InputError, match='column "income": expected a column of this name, got "age", "region"'):
        ciro.prove_batch(booster, NUMBERS[["age", "region"]])
    with pytest.raises(ciro.InputError, match="record 1"):
        ciro.prove_batch(booster, [{"age": 1, "income": 2, "region": 3}, {"age": 1, "region": 3}])


def test_missing_values_of_every_library_are_missing():
    holes = NUMBERS.where(RNG.random(NUMBERS.shape) > 0.2).convert_dtypes()
    assert holes["region"].dtype == "Int64" and holes.isna().any(axis=None)
    estimator = XGBClassifier(n_estimators=8, max_depth=3).fit(holes.astype(float), BAD)
    model = ciro.compile(estimator, samples=holes)
    expected = estimator.predict_proba(holes[:8].astype(float))[:, 1]
    forms = [holes[:8], dict(holes[:8]), holes[:8].to_dict("records"), holes[:8].to_dict("list")]
    forms += [polars.from_pandas(holes[:8]), pyarrow.Table.from_pandas(holes[:8]), Streamed(polars.from_pandas(holes[:8]))]
    for form in forms:
        assert ciro.prove_batch(model, form).output.reshape(-1) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "labels", [["good", "bad"], [1, 2], [False, True], ["no", "yes"]], ids=lambda labels: str(labels[1])
)
def test_labels_are_those_of_the_estimator(labels):
    named = np.asarray(labels)[BAD.astype(int)]
    for estimator in (
        lightgbm.LGBMClassifier(n_estimators=8, verbose=-1),
        HistGradientBoostingClassifier(max_iter=8),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ):
        estimator.fit(NUMBERS, named)
        model = ciro.compile(estimator, samples=NUMBERS)
        got = [ciro.prove(model, NUMBERS[i : i + 1]).label for i in range(12)]
        assert got == estimator.predict(NUMBERS[:12]).tolist()
        assert {type(label) for label in got} == {type(labels[0])}


def test_a_bare_file_of_texts_for_labels_answers_numbers_or_is_told_the_names(tmp_path):
    named = np.array(["good", "bad"])[BAD.astype(int)]
    estimator = lightgbm.LGBMClassifier(n_estimators=8, verbose=-1).fit(NUMBERS, named)
    estimator.booster_.save_model(tmp_path / "model.txt")
    bare = ciro.compile(tmp_path / "model.txt", samples=NUMBERS)
    told = ciro.compile(tmp_path / "model.txt", samples=NUMBERS, labels=list(estimator.classes_))
    assert "class_index" in [port.name for port in bare.outputs] and any("--labels" in note for note in bare.notes)
    index = ciro.prove(bare, NUMBERS[:1]).label
    assert estimator.classes_[index] == ciro.prove(told, NUMBERS[:1]).label == estimator.predict(NUMBERS[:1])[0]
    assert bare.id != told.id
    with pytest.raises(ciro.CompileError, match="labels: expected 2, one per class of the model, got 3"):
        ciro.compile(tmp_path / "model.txt", labels=["a", "b", "c"])


@pytest.mark.parametrize("missing", [-999.0, 0.0])
def test_a_number_for_missing_values_is_the_estimators(missing, tmp_path):
    x = NUMBERS.to_numpy(dtype=np.float32).copy()
    x[RNG.random(x.shape) < 0.25] = missing
    estimator = XGBClassifier(n_estimators=20, max_depth=4, missing=missing).fit(x, BAD)
    model = ciro.compile(estimator, samples=x)
    expected = estimator.predict_proba(x[:16])[:, 1]
    assert ciro.prove_batch(model, x[:16]).output.reshape(-1) == pytest.approx(expected, abs=1e-5)
    shown = ciro.verify(ciro.prove(model, x[:1]), model).inputs["x"]
    assert np.array_equal(shown, x[:1])

    path = tmp_path / "model.json"
    estimator.save_model(path)
    with pytest.raises(ciro.CompileError, match=f"samples hold {missing:g} in . columns") as refusal:
        ciro.compile(path, samples=x)
    assert f"missing={missing:g}" in str(refusal.value.hint)
    # The way out works.
    assert ciro.compile(path, samples=x, missing=missing).id == model.id


def test_which_trees_count_is_asked_where_the_file_does_not_say(tmp_path):
    x, y = NUMBERS.to_numpy(), BAD.to_numpy()
    rounds = {"num_boost_round": 60, "early_stopping_rounds": 3, "verbose_eval": False}
    data = [DMatrix(x[:50], y[:50]), DMatrix(x[50:], y[50:])]
    booster = train({"objective": "binary:logistic", "eta": 1.0}, data[0], evals=[(data[1], "v")], **rounds)
    booster.save_model(tmp_path / "model.json")
    with pytest.raises(ciro.CompileError, match="training stopped early") as refusal:
        ciro.compile(tmp_path / "model.json", samples=x)
    assert '--rounds best' in refusal.value.hint and '"all"' in refusal.value.hint
    best = ciro.compile(tmp_path / "model.json", samples=x, rounds="best")
    everything = ciro.compile(tmp_path / "model.json", samples=x, rounds="all")
    assert everything.id == ciro.compile(booster, samples=x).id != best.id
    stopped = booster.predict(data[0], iteration_range=(0, booster.best_iteration + 1))
    assert ciro.prove_batch(best, x[:8]).output.reshape(-1) == pytest.approx(stopped[:8], abs=1e-5)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ],
    ids=["one-hot", "ordinal"],
)
def test_texts_are_encoded_as_the_pipeline_does(encoder):
    columns = make_column_transformer((StandardScaler(), ["age", "income"]), (encoder, ["job"]))
    estimator = make_pipeline(columns, LogisticRegression()).fit(FRAME, np.where(BAD, "bad", "good"))
    frame = FRAME.copy()
    frame.loc[3, "job"] = "a smith, whom nobody has seen"
    model = ciro.compile(estimator, samples=frame)
    batch = ciro.prove_batch(model, frame[:8])
    assert batch.output.reshape(8, -1) == pytest.approx(estimator.predict_proba(frame[:8]), abs=1e-3)
    shown = ciro.verify(batch.receipts[0]).inputs
    assert shown["job"].reshape(-1).tolist() == [frame.job[0]]


@pytest.mark.parametrize("kind", [HistGradientBoostingRegressor, HistGradientBoostingClassifier])
@pytest.mark.parametrize("texts", [False, True])
def test_histograms_with_categories_and_holes(kind, texts):
    frame = FRAME[["region", "age", "income"]].copy()
    frame.loc[RNG.random(ROWS) < 0.2, "age"] = np.nan
    frame["region"] = frame.region.astype(str).radd("r").astype("category") if texts else frame.region.astype(float)
    target = BAD if kind is HistGradientBoostingClassifier else FRAME.income + 3.0 * BAD
    estimator = kind(max_iter=30, categorical_features=["region"]).fit(frame, target)
    model = ciro.compile(estimator, samples=frame)
    batch = ciro.prove_batch(model, frame[:16])
    expected = estimator.predict_proba(frame[:16])[:, 1] if hasattr(estimator, "classes_") else estimator.predict(frame[:16])
    assert batch.output.reshape(-1) == pytest.approx(expected, abs=1e-3)
    assert model.report.expected[-1].same_class in (None, 1.0)


def test_histograms_of_several_classes_and_of_counts():
    x, three = NUMBERS.to_numpy(), np.array(["a", "b", "c"])[FRAME.region % 3]
    estimator = HistGradientBoostingClassifier(max_iter=10).fit(x, three)
    batch = ciro.prove_batch(ciro.compile(estimator, samples=x), x[:8])
    assert batch.output == pytest.approx(estimator.predict_proba(x[:8]), abs=1e-3)
    counts = HistGradientBoostingRegressor(loss="poisson", max_iter=10).fit(x, FRAME.region)
    batch = ciro.prove_batch(ciro.compile(counts, samples=x), x[:8])
    assert batch.output.reshape(-1) == pytest.approx(counts.predict(x[:8]), rel=1e-3)


def test_categories_of_boosters_are_found_by_their_texts():
    frame = FRAME.assign(job=FRAME.job.astype("category"))
    for estimator in (
        lightgbm.LGBMClassifier(n_estimators=10, verbose=-1),
        XGBClassifier(n_estimators=10, max_depth=3, enable_categorical=True),
    ):
        estimator.fit(frame, BAD)
        model = ciro.compile(estimator, samples=frame)
        batch = ciro.prove_batch(model, frame[:16][["job", "region", "income", "age"]])
        assert batch.output.reshape(-1) == pytest.approx(estimator.predict_proba(frame[:16])[:, 1], abs=1e-5)
        shown = ciro.verify(batch.receipts[2], model).inputs["x"].reshape(-1)
        assert shown[2] == frame.job[2] and shown[0] == frame.age[2]


def test_the_command_line_reads_the_same_tables(cli, tmp_path, booster):
    booster.save(tmp_path / "model")
    shuffled = NUMBERS[["region", "age", "income"]]
    shuffled[:4].to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "rows.json").write_text(json.dumps(shuffled[:4].to_dict("records")))
    expected = ciro.prove_batch(booster, NUMBERS[:4]).output.reshape(-1).tolist()
    for name in ("rows.csv", "rows.json"):
        done = cli("prove", tmp_path / "model", "--batch", 4, "-i", tmp_path / name, "-o", tmp_path / "r.ciro", "--json")
        assert done.returncode == 0, done.stderr
        assert list(json.loads(done.stdout)["outputs"].values())[-1] == pytest.approx(expected, abs=1e-6)
    NUMBERS[:4].to_parquet(tmp_path / "rows.parquet")
    done = cli("prove", tmp_path / "model", "--batch", 4, "-i", tmp_path / "rows.parquet", "-o", tmp_path / "r.ciro")
    assert done.returncode == 2 and "to_csv" in done.stderr


@pytest.mark.parametrize(
    "step",
    [
        SimpleImputer(strategy="median"),
        make_pipeline(SimpleImputer(), StandardScaler()),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=50),
        FunctionTransformer(np.arcsinh),
        MinMaxScaler(feature_range=(-1, 3)),
    ],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize("single", [True, False])
def test_boosters_behind_steps_decide_as_the_pipeline(step, single):
    x = NUMBERS.to_numpy(dtype=np.float32 if single else np.float64).copy()
    if type(step).__name__ in ("SimpleImputer", "Pipeline"):
        x[RNG.random(x.shape) < 0.2] = np.nan
    inner = [each for _, each in step.steps] if isinstance(step, Pipeline) else [step]
    for booster in (XGBClassifier(n_estimators=20, max_depth=4), lightgbm.LGBMClassifier(n_estimators=20, verbose=-1)):
        estimator = make_pipeline(*inner, booster).fit(x, BAD)
        model = ciro.compile(estimator, samples=x)
        assert model.report.expected[0].same_class == 1.0
        assert model.report.expected[-1].max_deviation < 1e-5


def test_a_step_that_mixes_columns_is_left_to_the_converter():
    x = NUMBERS.to_numpy(dtype=np.float32)
    scaled = make_pipeline(StandardScaler(), XGBClassifier(n_estimators=1)).fit(x, BAD)
    assert folded.steps_before(scaled, x) is not None
    for step in (PCA(2), PolynomialFeatures(2), FunctionTransformer(np.log1p)):
        assert folded.steps_before(make_pipeline(step, XGBClassifier(n_estimators=1)).fit(x, BAD), x) is None


@pytest.mark.parametrize(
    "booster",
    [
        XGBClassifier(n_estimators=10, max_depth=4),
        lightgbm.LGBMClassifier(n_estimators=10, verbose=-1),
        HistGradientBoostingClassifier(max_iter=10),
    ],
    ids=lambda booster: type(booster).__name__,
)
@pytest.mark.parametrize("dense", [1.0, 0.0], ids=["sparse", "dense"])
def test_boosters_behind_encoders_decide_as_the_pipeline(booster, dense):
    """XGBoost takes the zeros of a sparse table for missing values."""
    if dense and isinstance(booster, HistGradientBoostingClassifier):
        pytest.skip("reads no sparse tables")
    frame = FRAME[["age", "income", "job"]].assign(late=RNG.poisson(0.6, ROWS), area=RNG.integers(0, 12, ROWS))
    frame.loc[RNG.random(ROWS) < 0.2, "job"] = np.nan
    frame.loc[RNG.random(ROWS) < 0.2, "income"] = np.nan
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["income"]),
        (texts, ["job"]),
        (OneHotEncoder(min_frequency=40, handle_unknown="infrequent_if_exist"), ["area"]),
        ("passthrough", ["late", "age"]),
        sparse_threshold=dense,
    )
    estimator = make_pipeline(columns, booster).fit(frame, np.where(BAD, "bad", "good") if not isinstance(booster, XGBClassifier) else BAD)
    strange = frame.copy()
    strange.loc[::7, "job"] = "a smith, whom nobody has seen"
    strange.loc[::5, "area"] = 31
    assert folded.steps_before(estimator, strange) is not None
    model = ciro.compile(estimator, samples=strange)
    assert model.report.expected[0].same_class == 1.0
    assert model.report.expected[-1].max_deviation < 1e-5
    batch = ciro.prove_batch(model, strange[:4])
    assert batch.output.reshape(-1) == pytest.approx(estimator.predict_proba(strange[:4])[:, 1], abs=1e-5)


def test_a_function_that_cannot_be_exported_is_refused_by_its_name():
    def doubled(x):
        return 2 * x

    estimator = make_pipeline(FunctionTransformer(doubled), LogisticRegression()).fit(NUMBERS, BAD)
    with pytest.raises(ciro.CompileError, match="FunctionTransformer applies doubled") as refusal:
        ciro.compile(estimator, samples=NUMBERS)
    assert "before the model" in refusal.value.hint
