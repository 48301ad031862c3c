//! The screen: data to stdout, everything else to stderr, readable without colour.

use crate::error::{CliError, Exit};
use ciro_types::text::printable_json;
use ciro_types::{Escaped, Lines};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Options every command understands.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Global {
    /// Print the result as one JSON document on stdout, and errors as JSON on stderr
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Print no progress, only results, warnings and errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// When to colour stderr
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "Global options")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How this invocation talks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    json: bool,
    quiet: bool,
    color: bool,
    /// Sentences are lines of the log: stderr holds nothing else.
    logs: bool,
}

impl Ui {
    /// Follows the global options; colour only on a terminal unless forced, and never against `NO_COLOR`.
    pub(crate) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        Self { json: global.json, quiet: global.quiet, color, logs: false }
    }

    /// As before, but notes and warnings are lines of the log.
    pub(crate) const fn logged(self) -> Self {
        Self { logs: true, ..self }
    }

    /// Whether results are JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result: `value` as one JSON document with `--json`, else the lines of `text`. Text of strangers inside is shown with
    /// [`Named`](ciro_types::Named), so that it cannot end a line. Whatever else is not printable is escaped here.
    pub(crate) fn result<T: Serialize>(&self, value: &T, text: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.json {
            let json = serde_json::to_string_pretty(value).map_err(CliError::failed)?;
            self.data(&printable_json(&json))
        } else {
            self.data(&Lines(&text()).to_string())
        }
    }

    /// Writes `text` and a newline to stdout. A closed pipe ends the command quietly: the reader has seen enough.
    pub(crate) fn data(&self, text: &str) -> Result<(), CliError> {
        match writeln!(std::io::stdout().lock(), "{text}") {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CliError::failed(format!("cannot write to stdout: {e}")))
            }
            _ => Ok(()),
        }
    }

    /// A stage that is over, with the time it took.
    pub(crate) fn stage(&self, name: &str, took: Duration, detail: &str) {
        let mark = self.paint("✓", "32");
        self.say(&format!("{mark} {name:<10} {:>9}  {}", human_duration(took), Escaped(detail)));
    }

    /// A sentence for people, on one line, silenced by `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if self.logs {
            ciro_telemetry::log::note(&Escaped(text).to_string());
        } else {
            self.say(&Escaped(text).to_string());
        }
    }

    /// A warning, on one line, never silenced.
    pub(crate) fn warn(&self, text: &str) {
        if self.logs {
            ciro_telemetry::log::warn(&Escaped(text).to_string());
        } else {
            self.complain(&format!("{}: {}", self.paint("warning", "33"), Escaped(text)));
        }
    }

    /// The failure that ends the command, on one line, and its hint on another: both may quote strangers. With `--json` it is also
    /// machine-readable, still on stderr.
    pub(crate) fn error(&self, error: &CliError) {
        if self.json {
            let body = ErrorBody {
                exit: error.exit as u8,
                kind: kind(error.exit),
                message: &error.message,
                hint: error.hint.as_deref(),
            };
            if let Ok(json) = serde_json::to_string(&serde_json::json!({ "error": body })) {
                self.complain(&printable_json(&json));
                return;
            }
        }
        self.complain(&format!("{}: {}", self.paint("error", "31"), Escaped(&error.message)));
        if let Some(hint) = &error.hint {
            // Lines of code stand below it, indented, so that no line of a stranger's looks like one of ours.
            let hint = hint.replace('\n', "\n      ");
            self.complain(&format!("{}: {}", self.paint("hint", "36"), Lines(&hint)));
        }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    fn complain(&self, text: &str) {
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    exit: u8,
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

fn kind(exit: Exit) -> &'static str {
    match exit {
        Exit::Failed => "failed",
        Exit::Usage => "usage",
        Exit::Unreachable => "unreachable",
        Exit::Refused => "refused",
        Exit::Partial => "partial",
    }
}

/// `12.3 ms`, `4.56 s`: three digits are enough to compare.
pub(crate) fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        assert_eq!(human_duration(Duration::from_micros(12_340)), "12.3 ms");
        assert_eq!(human_duration(Duration::from_millis(4_560)), "4.56 s");
    }
}
