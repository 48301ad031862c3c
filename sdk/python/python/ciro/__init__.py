"""Prove that an answer came from a model, and check such proofs.

    import ciro

    model = ciro.compile(estimator, samples=X_train)   # scikit-learn, XGBoost, LightGBM, or an ONNX file
    proof = ciro.prove(model, X_test[0])
    print(proof.label, proof.output)
    proof.save("answer.ciro")
    ciro.verify("answer.ciro", model)                  # raises ciro.VerifyError unless everything holds

A model is compiled to an integer program once; its weights are committed and both together have an id. A proof is a file,
the receipt, that anybody can check offline, here or with `ciro verify`. It shows that the output is what that model gives
on that input. It hides nothing: input and output are public, and the proof is not zero-knowledge.
"""

from ciro.batch import BatchProof, Refusal, RefusalWarning, SampleReceipts, prove_batch
from ciro.errors import ArtifactError, CiroError, CompileError, InputError, ProveError, VerifyError
from ciro.model import Answer, Model, compile
from ciro.proof import Bound, Finding, Proof, Verified, prove, verify
from ciro.report import AccuracyReport, ClassAccuracy, HeldOut, OperatorAccuracy, OutputAccuracy, Refused

__all__ = [
    "AccuracyReport",
    "Answer",
    "ArtifactError",
    "BatchProof",
    "Bound",
    "CiroError",
    "ClassAccuracy",
    "CompileError",
    "Finding",
    "HeldOut",
    "InputError",
    "Model",
    "OperatorAccuracy",
    "OutputAccuracy",
    "Proof",
    "ProveError",
    "Refusal",
    "RefusalWarning",
    "Refused",
    "SampleReceipts",
    "Verified",
    "VerifyError",
    "compile",
    "prove",
    "prove_batch",
    "verify",
]
