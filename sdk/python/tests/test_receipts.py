"""Receipts: what they show, what breaks them, and that the command line reads and writes the same ones."""

import json

import pytest

import ciro


def test_a_receipt_survives_its_file(model, proof, tmp_path):
    path = tmp_path / "answer.ciro"
    proof.save(path)
    for form in (proof, proof.bytes, path, str(path)):
        verified = ciro.verify(form, model)
        assert verified.model_id == proof.model_id == model.id
        assert verified.output == pytest.approx(proof.output)
    assert verified.assurance == "A4"
    assert [finding.what for finding in verified.shown] == ["inference proven"]
    assert "privacy" in [finding.what for finding in verified.assumptions]
    assert "not zero-knowledge" in str(verified)


def test_the_verdict_says_what_is_proven_and_that_nobody_settled_it(model, proof):
    verified = ciro.verify(proof, model)
    first, second, third = verified.verdict.splitlines()
    assert first == f"valid, proven (A4: proof of the inference) · model id {model.id}"
    assert second.startswith("not settled: ")
    assert third == "bound to no network, job or worker"
    assert verified.proven is True
    assert verified.settled is False
    assert verified.bound_to is None
    assert str(verified).startswith(verified.verdict)


def test_a_receipt_that_no_network_settled_is_refused_where_one_is_named(proof):
    with pytest.raises(ciro.VerifyError, match="expected a settlement"):
        ciro.verify(proof, network="ab" * 32)


def test_proving_is_a_function_of_model_and_input(model, logistic, proof):
    assert ciro.prove(model, logistic.x[0]).bytes == proof.bytes
    assert ciro.prove(model, logistic.x[1]).bytes != proof.bytes


def test_no_byte_of_a_receipt_may_change(model, proof):
    step = max(1, len(proof.bytes) // 200)
    for position in range(0, len(proof.bytes), step):
        damaged = bytearray(proof.bytes)
        damaged[position] ^= 1
        with pytest.raises(ciro.VerifyError) as refused:
            ciro.verify(bytes(damaged), model)
        reason = str(refused.value)
        assert reason.count(reason.split(":")[0]) == 1, "a cause is said once"


@pytest.mark.parametrize("cut", [0, 1, 12, 13, 45, 1000, -1])
def test_a_piece_of_a_receipt_is_none(proof, cut):
    with pytest.raises(ciro.VerifyError):
        ciro.verify(proof.bytes[:cut])


def test_a_receipt_of_another_model_is_refused(model, forest, proof):
    other = forest.compile()
    with pytest.raises(ciro.VerifyError, match=f"expected {other.id}, got {model.id}"):
        ciro.verify(proof, other)
    with pytest.raises(ciro.VerifyError, match="nonsense"):
        ciro.verify(proof, "nonsense")
    assert ciro.verify(proof, model.id).model_id == model.id


def test_a_network_that_cannot_be_is_refused(proof):
    with pytest.raises(ciro.VerifyError):
        ciro.verify(proof, network="nonsense")


def test_the_command_line_verifies_what_was_proven_here(cli, model, proof, tmp_path):
    path = tmp_path / "answer.ciro"
    proof.save(path)
    done = cli("verify", path, "--model", model.id, "--json")
    assert done.returncode == 0, done.stderr
    view = json.loads(done.stdout)
    assert view["valid"] is True
    verified = ciro.verify(proof, model)
    assert [view["proven"], view["settled"], view["bound_to"]] == [verified.proven, verified.settled, verified.bound_to]
    assert cli("verify", path).stdout.startswith(verified.verdict)
    assert view["outputs"]["output"] == pytest.approx(proof.output.reshape(-1))


def test_both_make_the_same_receipt_from_a_folder_made_here(cli, model, logistic, proof, tmp_path):
    folder, receipt, sample = tmp_path / "model", tmp_path / "cli.ciro", tmp_path / "sample.json"
    model.save(folder)
    sample.write_text(json.dumps({"input_data": [logistic.x[0].tolist()]}))
    done = cli("prove", folder, "--input", sample, "-o", receipt)
    assert done.returncode == 0, done.stderr
    assert receipt.read_bytes() == proof.bytes
    assert ciro.verify(receipt, model).output == pytest.approx(proof.output)


def test_a_folder_made_by_the_command_line_is_the_same_model(cli, model, logistic, tmp_path):
    folder, samples = tmp_path / "model", logistic.path.with_suffix(".npz")
    done = cli("compile", logistic.path, "--calibration", samples, "-o", folder)
    assert done.returncode == 0, done.stderr
    assert ciro.compile(folder).id == model.id
