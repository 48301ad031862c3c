"""Batches: one proof, and receipts of samples that verify alone."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import ciro


@pytest.fixture(scope="module", params=["forest", "regression"])
def fitted(request):
    """A classifier of wines, compiled, with its data."""
    X, y = load_wine(return_X_y=True)
    X = X.astype(np.float32)
    if request.param == "forest":
        estimator = RandomForestClassifier(n_estimators=10, max_depth=5, random_state=0)
    else:
        estimator = make_pipeline(StandardScaler(), LogisticRegression())
    estimator.fit(X, y)
    return estimator, ciro.compile(estimator, samples=X), X


@pytest.fixture(scope="module")
def batch(fitted):
    _, model, X = fitted
    return ciro.prove_batch(model, X[::16])


def test_a_batch_answers_what_the_estimator_does(fitted, batch):
    estimator, _, X = fitted
    assert len(batch) == len(batch.receipts) == len(X[::16])
    assert batch.output == pytest.approx(estimator.predict_proba(X[::16]), abs=1e-3)
    [labels] = [array for array in batch.outputs.values() if array.dtype.kind in "iU"]
    assert labels.tolist() == estimator.predict(X[::16]).tolist()
    assert repr(batch).startswith(f"<ciro.BatchProof of {len(batch)} by {batch.model_id}")


def test_each_receipt_verifies_alone_and_shows_its_sample(fitted, batch, tmp_path):
    estimator, model, X = fitted
    paths = batch.receipts.save(tmp_path / "receipts")
    assert [path.name for path in paths] == [f"sample-{i}.ciro" for i in range(len(batch))]
    for i, path in enumerate(paths):
        verified = ciro.verify(path, model)
        assert (verified.sample, verified.batch) == (i, len(batch))
        assert verified.model_id == batch.model_id != model.id
        assert verified.label == estimator.predict(X[::16][i : i + 1])[0]
        [shown] = verified.inputs.values()
        assert shown.reshape(-1) == pytest.approx(X[::16][i])
        assert verified.output == pytest.approx(batch.output[i : i + 1])
        assert "sample opened" in [finding.what for finding in verified.shown]
    last = batch.receipts[-1]
    assert ciro.verify(last, batch.model_id).sample == len(batch) - 1
    assert last.outputs.keys() == batch.outputs.keys()


def test_the_receipt_of_the_batch_states_no_sample(fitted, batch, tmp_path):
    _, model, _ = fitted
    batch.save(tmp_path / "batch.ciro")
    verified = ciro.verify(tmp_path / "batch.ciro", model)
    assert (verified.sample, verified.batch) == (None, len(batch))
    assert (verified.inputs, verified.outputs) == ({}, {})
    assert verified.visibility["input"] == verified.visibility["output"] == "committed"


def test_no_byte_of_a_receipt_of_a_sample_may_change(fitted, batch):
    receipt = batch.receipts[1].bytes
    for position in range(0, len(receipt), len(receipt) // 40):
        damaged = bytearray(receipt)
        damaged[position] ^= 1
        with pytest.raises(ciro.VerifyError):
            ciro.verify(bytes(damaged))


def test_receipts_of_other_models_are_refused(fitted, batch, model):
    with pytest.raises(ciro.VerifyError, match="another model"):
        ciro.verify(batch.receipts[0], model)
    with pytest.raises(ciro.VerifyError, match="another model"):
        ciro.verify(batch.receipts[0], fitted[1].id)


def test_samples_are_counted(fitted, batch):
    _, model, X = fitted
    assert [proof.label for proof in batch.receipts[:2]] == [batch.receipts[0].label, batch.receipts[1].label]
    for beyond in (len(batch), -len(batch) - 1):
        with pytest.raises(IndexError, match=f"below {len(batch)}, got {beyond}"):
            batch.receipts[beyond]
    with pytest.raises(ciro.InputError):
        model.prove_batch(X[:0])
    with pytest.raises(ciro.InputError):
        ciro.prove_batch(model, X[:4, :3])
    alone = model.prove_batch(X[:1])
    verified = ciro.verify(alone.receipts[0], model)
    assert (len(alone), verified.sample, verified.batch) == (1, 0, 1)


def test_what_the_model_refuses_is_named_and_the_others_are_proven(logistic, model, tmp_path):
    X = logistic.x[:5].copy()
    X[1, 7], X[3, 2] = np.nan, 1e9
    with pytest.warns(ciro.RefusalWarning, match="2 of 5 samples refused, the others are proven; sample 1: "):
        batch = model.prove_batch(X)
    assert batch.samples == [0, 2, 4] and len(batch) == 3
    nan, far = batch.refused
    assert nan.sample == 1 and nan.reason.endswith("element 7: expected a number, got NaN")
    assert far.sample == 3 and "element 2: expected a number from -" in far.reason and far.reason.endswith("got 1000000000")
    assert "calibration samples" in far.hint and "imputer" in nan.hint
    alone = [model.prove(X[i]).output.reshape(-1) for i in batch.samples]
    assert np.array_equal(batch.output.reshape(3, -1), alone)
    assert [path.name for path in batch.receipts.save(tmp_path)] == ["sample-0.ciro", "sample-2.ciro", "sample-4.ciro"]
    with pytest.raises(ciro.InputError, match="got NaN"):
        model.prove_batch(X[[1, 1]])


def test_the_next_batch_of_a_size_pays_no_setup(fitted):
    _, model, X = fitted
    first, second = model.prove_batch(X[:5]), model.prove_batch(X[5:10])
    assert first.model_id == second.model_id
    assert ciro.verify(second.receipts[2], model).sample == 2


def test_the_command_line_verifies_a_sample(cli, fitted, batch, tmp_path):
    _, model, _ = fitted
    model.save(tmp_path / "model")
    batch.receipts[3].save(tmp_path / "three.ciro")
    done = cli("verify", tmp_path / "three.ciro", "--made-from", tmp_path / "model", "--json")
    assert done.returncode == 0, done.stderr
    view = json.loads(done.stdout)
    assert (view["sample"], view["batch"], view["model_id"]) == (3, len(batch), batch.model_id)
