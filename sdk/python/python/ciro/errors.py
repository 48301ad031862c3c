"""What can go wrong. Every exception says what was expected, what it got, and in `hint` what to try next."""

from __future__ import annotations

from typing import Optional


class CiroError(Exception):
    """The base of all exceptions that this package raises on purpose."""

    def __init__(self, message: str, hint: Optional[str] = None) -> None:
        super().__init__(message, hint)
        self.message = message
        """What happened, in one sentence."""
        self.hint = hint
        """What to try next, if there is something."""

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"


class CompileError(CiroError):
    """The model is not compiled: no ONNX, an operator that is not supported, or numbers that do not fit."""


class ArtifactError(CiroError):
    """A folder is not a compiled model, or cannot be written."""


class InputError(CiroError):
    """An input or a sample does not fit the model: another shape, not a number, or out of the range compiled for."""


class ProveError(CiroError):
    """The model does not run on the input, so that there is nothing to prove."""


class VerifyError(CiroError):
    """A receipt does not show what it claims, or is about another model. Do not trust the answer."""
