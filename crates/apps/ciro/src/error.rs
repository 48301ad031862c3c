//! What a failed command tells its user: what happened, what to try, and an exit code for scripts.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

/// Exit codes. They are part of the interface: see `docs/reference/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The thing was invalid or the work failed.
    Failed = 1,
    /// The command line or a file named on it makes no sense.
    Usage = 2,
    /// No network answers.
    Unreachable = 3,
    /// The network answered: no.
    Refused = 4,
    /// The model refused some samples of a batch; the others are proven.
    Partial = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure as the user sees it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    /// The process's exit code.
    pub(crate) exit: Exit,
    /// What happened, in one sentence, causes included.
    pub(crate) message: String,
    /// What to try next.
    pub(crate) hint: Option<String>,
}

impl CliError {
    /// The work failed or the thing is invalid.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// A file that cannot be written.
    pub(crate) fn cannot_write(file: &Path, error: &std::io::Error) -> Self {
        Self::failed(format!("cannot write {}: {error}", file.display()))
    }

    /// The command line, or a file it names, makes no sense.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A failure with any exit code.
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    /// Adds what to try next.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}
