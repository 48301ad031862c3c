//! Lines of a log on stderr.
//!
//! A filter says who may write how much: a level, or levels by target, the longest that fits: `warn,ciro::jobs=debug`.

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How a line reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error("expected a level (error, warn, info, debug, trace) or TARGET=LEVEL, separated by commas, got {got:?}")]
    Filter {
        /// What was given.
        got: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// There is one already in this process.
    #[error("a log has been started already")]
    Started(#[from] TryInitError),
}

/// Writes what `filter` lets through to stderr, from now on.
///
/// # Errors
/// [`LogError`] if the filter is none, or if the process has a log.
pub fn start(filter: &str, format: Format) -> Result<(), LogError> {
    let targets = targets(filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    match format {
        Format::Text => Registry::default().with(lines.with_filter(targets)).try_init()?,
        Format::Json => Registry::default().with(lines.json().flatten_event(true).with_filter(targets)).try_init()?,
    }
    Ok(())
}

/// Checks a filter.
///
/// # Errors
/// [`LogError::Filter`] if it is none.
pub fn targets(filter: &str) -> Result<Targets, LogError> {
    filter.parse().map_err(|source| LogError::Filter { got: filter.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_filter_is_a_level_or_levels_by_target() {
        let all = targets("info").unwrap();
        assert!(all.would_enable("ciro::jobs", &Level::INFO) && !all.would_enable("ciro::jobs", &Level::DEBUG));
        let some = targets("warn,ciro::jobs=debug").unwrap();
        assert!(some.would_enable("ciro::jobs", &Level::DEBUG) && !some.would_enable("ciro::requests", &Level::INFO));
    }

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        let error = targets("ciro=loud").unwrap_err();
        assert!(error.to_string().contains("got \"ciro=loud\""), "{error}");
    }
}
