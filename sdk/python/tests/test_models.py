"""Compiling, keeping and loading models from ONNX files."""

import numpy as np
import onnx
import pytest
from conftest import Reference

import ciro


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("A2_linreg_diabetes", 1e-4),
        ("A_logreg_bc", 1e-4),
        ("B_dtree_bc_ml", 1e-6),
        ("C_rf_digits_ml", 1e-5),
        ("D_xgb_bc_ml", 1e-4),
        ("E_mlp_digits", 0.2),
    ],
)
def test_answers_are_those_of_onnxruntime(name, tolerance):
    reference = Reference(name)
    model = reference.compile()
    for x, y in zip(reference.x[:3], reference.y[:3]):
        proof = ciro.prove(model, x)
        assert proof.output.reshape(-1) == pytest.approx(y.reshape(-1), abs=tolerance)
        assert ciro.verify(proof, model).output == pytest.approx(proof.output)


def test_a_path_its_bytes_and_its_proto_are_the_same_model(logistic):
    forms = [str(logistic.path), logistic.path, logistic.path.read_bytes(), onnx.load(logistic.path)]
    assert len({ciro.compile(form, samples=logistic.x).id for form in forms}) == 1


def test_the_report_measures_the_samples(model, logistic):
    assert model.report.samples == len(logistic.x)
    [output] = model.report.outputs
    assert output.same_class == 1.0
    assert 0 < output.max_deviation < 1e-3
    assert output.mean_deviation <= output.max_deviation
    assert model.report.worst in model.report.operators
    assert f"accuracy on {len(logistic.x)} samples" in str(model.report)


def test_without_samples_there_is_a_note_and_no_report(logistic):
    model = ciro.compile(logistic.path)
    assert model.report is None
    assert any("accepts numbers in a range per element" in note for note in model.notes)


def test_an_input_range_takes_the_place_of_samples(logistic):
    wide = ciro.compile(logistic.path, input_range=1000.0)
    assert wide.prove(np.full(30, 999.0)).verify(wide)
    with pytest.raises(ciro.InputError, match="expected a number from"):
        wide.prove(np.full(30, 2000.0))


def test_a_profile_is_part_of_the_identity(logistic, model, proof):
    small = ciro.compile(logistic.path, samples=logistic.x, profile="chain")
    assert (model.profile, small.profile) == ("native", "chain")
    assert small.id != model.id
    chained = small.prove(logistic.x[0])
    assert ciro.verify(chained, small).output == pytest.approx(proof.output)
    with pytest.raises(ValueError, match='expected "native" or "chain", got "quick"'):
        ciro.compile(logistic.path, profile="quick")


def test_the_chain_profile_makes_small_proofs(forest):
    native, chain = (ciro.compile(forest.path, samples=forest.x, profile=profile) for profile in ("native", "chain"))
    assert chain.prove(forest.x[0]).proof_bytes < 0.95 * native.prove(forest.x[0]).proof_bytes


def test_bits_are_part_of_the_identity(logistic, model, proof):
    strong = ciro.compile(logistic.path, samples=logistic.x, bits=128)
    assert (model.bits, strong.bits) == (100, 128)
    assert strong.id != model.id
    proven = strong.prove(logistic.x[0])
    assert ciro.verify(proven, strong).output == pytest.approx(proof.output)
    assert proven.proof_bytes > proof.proof_bytes
    with pytest.raises(ValueError, match="expected 100 or 128, got 80"):
        ciro.compile(logistic.path, bits=80)


def test_named_dimensions_are_given_sizes():
    helper = onnx.helper
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", "length"]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "open", [x], [y])
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    samples = np.linspace(-1, 1, 12).reshape(4, 3)
    model = ciro.compile(file, samples, dims={"length": 3})
    assert model.inputs == [("x", (1, 3))]
    assert ciro.prove(model, samples[3]).verify(model)
    with pytest.raises(ciro.CompileError, match=r'an open dimension 1 \("length"\)'):
        ciro.compile(file)


def test_ports_tell_names_and_shapes(model):
    assert model.inputs == [("input", (1, 30))]
    assert model.outputs == [("output", (1, 1))]
    assert model.inputs[0].name == "input"
    assert model.id in repr(model)


def test_a_saved_model_is_the_same_model(model, logistic, proof, tmp_path):
    model.save(tmp_path / "folder")
    loaded = ciro.compile(tmp_path / "folder")
    assert (loaded.id, str(loaded.report), loaded.notes) == (model.id, str(model.report), model.notes)
    assert loaded.prove(logistic.x[0]).bytes == proof.bytes


def test_a_changed_folder_is_refused(model, tmp_path):
    model.save(tmp_path)
    weights = bytearray((tmp_path / "weights.bin").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "weights.bin").write_bytes(weights)
    with pytest.raises(ciro.ArtifactError, match=r"weights\.bin: expected digest") as refusal:
        ciro.compile(tmp_path)
    assert "anew" in refusal.value.hint


def test_a_compiled_folder_takes_no_samples(model, logistic, tmp_path):
    model.save(tmp_path)
    with pytest.raises(TypeError, match="compiled already"):
        ciro.compile(tmp_path, samples=logistic.x)
    with pytest.raises(TypeError, match="expected no dims and no profile"):
        ciro.compile(tmp_path, dims={"n": 1}, profile="chain")


def test_what_is_no_model_is_refused_with_a_hint(tmp_path):
    with pytest.raises(ciro.CompileError, match="not an ONNX model") as refusal:
        ciro.compile(b"hello")
    assert "skl2onnx" in refusal.value.hint
    assert str(refusal.value).endswith(f"hint: {refusal.value.hint}")
    with pytest.raises(ciro.ArtifactError, match=r"manifest\.json"):
        ciro.compile(tmp_path)
    with pytest.raises(FileNotFoundError):
        ciro.compile(tmp_path / "missing.onnx")


def test_a_run_without_a_proof_answers_as_a_proof_does_and_names_what_it_refuses(logistic, model):
    batch = logistic.x[:3].copy()
    batch[1] = 1e9
    first, refused, last = model.run(batch)
    assert refused.outputs is None and "expected a number from" in refused.refusal
    for answer, x in ((first, batch[0]), (last, batch[2])):
        assert answer.refusal is None
        proven = model.prove(x).outputs
        assert all(np.array_equal(answer.outputs[name], proven[name]) for name in proven)
