"""What a sample may be, and what it may not."""

import numpy as np
import pandas
import pytest

import ciro


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x,
        lambda x: x[None],
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">f4"),
        lambda x: x.tolist(),
        lambda x: np.repeat(x, 2)[::2],
        lambda x: np.asfortranarray(np.stack([x, x]))[:1],
        lambda x: pandas.Series(x),
        lambda x: pandas.DataFrame(x[None]),
        lambda x: pandas.DataFrame(x[None]).astype(object),
        lambda x: {"input": x},
    ],
)
def test_every_form_of_a_sample_is_the_same_sample(model, logistic, proof, form):
    assert ciro.prove(model, form(logistic.x[0])).bytes == proof.bytes


def test_arrays_that_the_model_does_not_read_are_passed_over(model, logistic, proof):
    assert ciro.prove(model, {"input": logistic.x[0], "more": np.zeros(3)}).bytes == proof.bytes


def test_half_precision_and_integers_are_taken(model):
    zeros = ciro.prove(model, np.zeros(30, np.float32)).bytes
    for kind in (np.float16, np.int64, np.uint8, bool):
        assert ciro.prove(model, np.zeros(30, kind)).bytes == zeros


def test_a_verified_receipt_shows_the_input(model, logistic, proof):
    shown = ciro.verify(proof, model).inputs
    assert shown.keys() == {"input"}
    assert np.array_equal(shown["input"], logistic.x[:1])


def test_a_proof_is_about_one_sample(model, logistic):
    with pytest.raises(ciro.InputError, match="expected 1 sample, got 3") as refusal:
        ciro.prove(model, logistic.x[:3])
    assert "x[i]" in refusal.value.hint


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (np.zeros(29), r"expected shape \[1, 30\]"),
        (np.zeros((1, 1, 31)), r"expected shape \[1, 30\]"),
        (np.float32(1.0), r"expected shape \[1, 30\]"),
        ({"other": np.zeros(30)}, r"expected arrays named \[\"input\"\], got"),
        ({}, "expected arrays named"),
        (["a"] * 30, "expected numbers, got <U1"),
        ([[1.0, 2.0], [3.0]], "rows of different lengths"),
        (np.array([None] * 30 + ["a"], dtype=object), "expected numbers, got"),
        (np.zeros(30, complex), "expected numbers, got complex128"),
    ],
)
def test_what_is_no_sample_is_refused(model, sample, message):
    with pytest.raises(ciro.InputError, match=message):
        ciro.prove(model, sample)


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "element 7: expected a number, got NaN"), (1e6, "element 7: expected a number from")],
)
def test_an_element_that_the_model_does_not_take_is_named(model, value, message):
    x = np.zeros(30)
    x[7] = value
    with pytest.raises(ciro.InputError, match=message):
        ciro.prove(model, x)


def test_calibration_samples_are_checked_too(logistic):
    with pytest.raises(ciro.InputError, match="samples: .*expected shape"):
        ciro.compile(logistic.path, samples=np.zeros((4, 29)))
