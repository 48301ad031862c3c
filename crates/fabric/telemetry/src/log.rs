//! Lines of a log on stderr, and with the feature `otlp` records for a collector.
//!
//! A filter says who may write how much: a level for what CIRO writes, or levels by target, the longest that fits:
//! `warn,ciro::jobs=debug`. Libraries write warnings and errors only, unless a filter names them.

#[cfg(feature = "otlp")]
use crate::export::Export;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// What all of CIRO's own targets begin with.
const OURS: &str = "ciro";

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
    },
    /// There is one already in this process.
    #[error("a log has been started already")]
    Started(#[from] TryInitError),
    /// Nothing can be sent to the collector.
    #[cfg(feature = "otlp")]
    #[error("no collector of OpenTelemetry: expected a URL such as http://127.0.0.1:4318, got {got:?}")]
    Collector {
        /// What was given.
        got: String,
        /// What the exporter says of it.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
}

/// Where lines go.
type Sink = Box<dyn Layer<Registry> + Send + Sync>;

/// Writes what `filter` lets through to stderr, from now on.
///
/// # Errors
/// [`LogError`] if the filter is none, or if the process has a log.
pub fn start(filter: &str, format: Format) -> Result<(), LogError> {
    start_on(vec![lines(filter, format)?])
}

/// As [`start`], and sends what `filter` lets through to a collector too. Without a format no line is written.
///
/// # Errors
/// As [`start`], and if there is no such collector.
#[cfg(feature = "otlp")]
pub fn start_with(filter: &str, format: Option<Format>, collector: &str) -> Result<Export, LogError> {
    let export = Export::to(collector)?;
    let lines = format.map(|format| lines(filter, format)).transpose()?;
    start_on(lines.into_iter().chain([export.layer().with_filter(targets(filter)?).boxed()]).collect())?;
    Ok(export)
}

fn start_on(sinks: Vec<Sink>) -> Result<(), LogError> {
    Ok(Registry::default().with(sinks).try_init()?)
}

fn lines(filter: &str, format: Format) -> Result<Sink, LogError> {
    let targets = targets(filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    Ok(match format {
        Format::Text => lines.with_filter(targets).boxed(),
        Format::Json => lines.json().flatten_event(true).with_filter(targets).boxed(),
    })
}

/// A sentence for operators that no event says, as a line of the log.
pub fn note(text: &str) {
    tracing::info!(target: "ciro::notice", "{text}");
}

/// As [`note`], about something that somebody should look at.
pub fn warn(text: &str) {
    tracing::warn!(target: "ciro::notice", "{text}");
}

/// Checks a filter.
///
/// # Errors
/// [`LogError::Filter`] if it is none.
pub fn targets(filter: &str) -> Result<Targets, LogError> {
    let (mut targets, mut ours) = (Vec::new(), LevelFilter::OFF);
    for part in filter.split(',') {
        let bad = || LogError::Filter { got: part.into() };
        let (target, level) = part.split_once('=').map_or((None, part), |(target, level)| (Some(target), level));
        // An empty word would be a level to the library.
        let level = Some(level.trim()).filter(|level| !level.is_empty()).ok_or_else(bad)?;
        let level: LevelFilter = level.parse().map_err(|_| bad())?;
        match target.map(str::trim) {
            None => ours = level,
            Some("") => return Err(bad()),
            Some(target) => targets.push((target.to_owned(), level)),
        }
    }
    let all = Targets::new().with_default(ours.min(LevelFilter::WARN)).with_target(OURS, ours);
    Ok(all.with_targets(targets))
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
        assert!(all.would_enable("library", &Level::WARN) && !all.would_enable("library", &Level::INFO));
        assert!(targets("info,library=debug").unwrap().would_enable("library", &Level::DEBUG));
    }

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        for filter in ["ciro=loud", "loud", "", "=info", "info,"] {
            let bad = filter.rsplit(',').next().unwrap_or_default();
            let error = targets(filter).unwrap_err();
            assert!(error.to_string().contains(&format!("got {bad:?}")), "{error}");
        }
    }
}
