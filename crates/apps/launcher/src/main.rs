//! Starts the build of `ciro` that the processor runs fastest.
//!
//! The packed field arithmetic is chosen when the prover is compiled, so that all of it is inlined. So a distribution,
//! which `cargo xtask dist` makes, holds one build per [`level`]. This program is installed as `ciro`. It becomes the
//! best of them that is there and that the processor has. `CIRO_CPU` names a level instead. All levels give the same
//! bytes.
#![forbid(unsafe_code)]

mod level;

use level::Level;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Exit code of a launch that failed, as shells have it for commands that are not found.
const NOT_FOUND: u8 = 127;

/// Why no build was started.
#[derive(Debug, thiserror::Error)]
enum LaunchError {
    /// `CIRO_CPU` names no level.
    #[error("CIRO_CPU: expected one of {expected}, got {got:?}")]
    Level {
        /// All levels.
        expected: String,
        /// What it says.
        got: OsString,
    },
    /// `CIRO_CPU` names a level that the processor does not have.
    #[error("CIRO_CPU: {got} needs a processor that has it; this one has up to {expected}")]
    Processor {
        /// The processor's level.
        expected: Level,
        /// The level asked for.
        got: Level,
    },
    /// No build is there.
    #[error("no build of ciro for this processor in {}\nhint: cargo xtask dist makes one", folder.display())]
    Missing {
        /// Where builds lie.
        folder: PathBuf,
    },
    /// The build could not be started.
    #[error("{}: {source}", program.display())]
    Start {
        /// The build.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// This program does not know where it is.
    #[error("the launcher's own path: {0}")]
    Own(std::io::Error),
}

fn main() -> ExitCode {
    match launch() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "ciro: {error}");
            ExitCode::from(NOT_FOUND)
        }
    }
}

fn launch() -> Result<ExitCode, LaunchError> {
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(LaunchError::Own)?;
    let folder = builds_of(&own);
    let best = wanted(std::env::var_os("CIRO_CPU"), Level::of_processor())?;
    let program = best.down().map(|level| folder.join(level.file())).find(|path| path.is_file());
    start(&program.ok_or(LaunchError::Missing { folder })?)
}

/// `libexec/ciro` beside the folder that this program is in.
fn builds_of(own: &Path) -> PathBuf {
    let prefix = own.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    prefix.join("libexec").join("ciro")
}

/// The level that the user names, else the processor's.
fn wanted(named: Option<OsString>, processor: Level) -> Result<Level, LaunchError> {
    let Some(named) = named else { return Ok(processor) };
    let known = named.to_str().and_then(Level::from_name);
    let level = known.ok_or(LaunchError::Level { expected: Level::names(), got: named })?;
    if level > processor {
        return Err(LaunchError::Processor { expected: processor, got: level });
    }
    Ok(level)
}

/// Becomes the program; returns only if that fails.
#[cfg(unix)]
fn start(program: &Path) -> Result<ExitCode, LaunchError> {
    use std::os::unix::process::CommandExt as _;
    let mut own = std::env::args_os();
    let mut command = Command::new(program);
    // What it calls itself, in its help: as it was called.
    if let Some(name) = own.next() {
        command.arg0(name);
    }
    let source = command.args(own).exec();
    Err(LaunchError::Start { program: program.into(), source })
}

/// Runs the program and passes its exit code on.
#[cfg(not(unix))]
fn start(program: &Path) -> Result<ExitCode, LaunchError> {
    let status = Command::new(program).args(std::env::args_os().skip(1)).status();
    let status = status.map_err(|source| LaunchError::Start { program: program.into(), source })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(NOT_FOUND);
    Ok(ExitCode::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_chooses_a_level_that_the_processor_has() {
        assert_eq!(wanted(None, Level::V3).unwrap(), Level::V3);
        assert_eq!(wanted(Some("x86-64".into()), Level::V3).unwrap(), Level::Base);
        assert!(matches!(wanted(Some("x86-64-v4".into()), Level::V3), Err(LaunchError::Processor { .. })));
        assert!(matches!(wanted(Some("fast".into()), Level::V4), Err(LaunchError::Level { .. })));
    }

    #[test]
    fn builds_lie_beside_the_programs() {
        assert_eq!(builds_of(Path::new("/opt/ciro/bin/ciro")), Path::new("/opt/ciro/libexec/ciro"));
    }
}
