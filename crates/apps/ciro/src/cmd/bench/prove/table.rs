//! The figures as tables.

use super::curve::Point;
use super::measure::Figures;
use super::phases::PhaseFigures;
use super::view::{Row, View};

const MODELS: [&str; 11] = [
    "model",
    "compile ms",
    "key ms",
    "inference ms",
    "proof ms",
    "verify ms",
    "proof B",
    "felts",
    "peak MiB",
    "cells",
    "runs",
];
const BATCHES: [&str; 12] = [
    "model",
    "samples",
    "key ms",
    "inference ms",
    "proof ms",
    "verify ms",
    "proof B",
    "proof ms each",
    "verify ms each",
    "B each",
    "peak MiB",
    "runs",
];
const PHASES: [&str; 5] = ["model", "phase", "ms", "processor ms", "peak MiB"];
const CURVE: [&str; 6] = ["image", "cells", "proof ms", "ns per cell", "verify ms", "peak MiB"];

/// Below the tables: what the columns mean.
const LEGEND: &str = "\
*compile*: from the file to the integer program, and its accuracy where samples lie next to it. *key*: weights committed, once per model. \
*inference*: the integer program alone. *proof*: witness and proof, without the inference. *felts*: 31 bytes each. *peak*: resident memory of \
a process that makes the key and the proofs. *cells*: committed per proof, without padding. Times are medians of the runs. In batches, *each* \
is divided by the samples.";

const CURVE_TITLE: &str = "Growth: three convolutions of 8 channels with ReLU on a square image";

/// For a terminal.
pub(super) fn text(view: &View) -> String {
    let mut parts = vec![[view.machine.line().as_str(), view.form.as_str()].join(" ").trim_end().to_string()];
    if let Some(rows) = &view.models {
        parts.push(aligned(head(rows), &model_cells(rows)));
        parts.extend(by_phase(rows).map(|cells| aligned(&PHASES, &cells)));
        parts.extend(failures(rows));
    }
    if let Some(points) = &view.curve {
        parts.push(format!("{CURVE_TITLE}\n{}", aligned(&CURVE, &curve_cells(points))));
    }
    parts.push(LEGEND.into());
    parts.join("\n\n")
}

/// The page `docs/reference/bench.md`, or another of its kind.
pub(super) fn markdown(view: &View) -> String {
    let mut parts = vec![
        title(&view.form),
        format!("Printed by `{}`; nothing here is written by hand.", command(view)),
        format!("Measured on: {}.", view.machine.line()),
    ];
    if let Some(rows) = &view.models {
        parts.push(piped(head(rows), &model_cells(rows)));
        parts.extend(by_phase(rows).map(|cells| piped(&PHASES, &cells)));
        parts.extend(failures(rows));
    }
    if let Some(points) = &view.curve {
        parts.push(format!("## {CURVE_TITLE}"));
        parts.push(piped(&CURVE, &curve_cells(points)));
    }
    parts.push(LEGEND.into());
    parts.join("\n\n")
}

fn title(form: &str) -> String {
    if form.is_empty() { "# Measured".into() } else { format!("# Measured with `{form}`") }
}

/// What prints the page.
fn command(view: &View) -> String {
    let only = match (&view.models, &view.curve) {
        (Some(_), None) => "--only models",
        (None, Some(_)) => "--only curve",
        _ => "",
    };
    let words = ["ciro bench prove", only, &view.form, "--markdown"];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn in_batches(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.batch != 1)
}

fn head(rows: &[Row]) -> &'static [&'static str] {
    if in_batches(rows) { &BATCHES } else { &MODELS }
}

fn model_cells(rows: &[Row]) -> Vec<Vec<String>> {
    let cells = |row: &Row, figures: &Figures| {
        if in_batches(rows) { batch_cells(row, figures) } else { cells(&row.model, figures) }
    };
    rows.iter().filter_map(|row| row.figures.as_ref().map(|figures| cells(row, figures))).collect()
}

fn batch_cells(row: &Row, figures: &Figures) -> Vec<String> {
    let Figures { key_ms, inference_ms, proof_ms, verify_ms, .. } = figures;
    let each = |total: f64| total / f64::from(row.batch);
    let times = [key_ms, inference_ms, proof_ms, verify_ms].map(|ms| format!("{ms:.2}"));
    let of_each = [proof_ms, verify_ms].map(|ms| format!("{:.4}", each(*ms)));
    [row.model.clone(), row.batch.to_string()]
        .into_iter()
        .chain(times)
        .chain([figures.proof_bytes.to_string()])
        .chain(of_each)
        .chain([format!("{:.0}", each(figures.proof_bytes as f64)), peak(figures), figures.runs.to_string()])
        .collect()
}

fn cells(model: &str, figures: &Figures) -> Vec<String> {
    let Figures { compile_ms, key_ms, inference_ms, proof_ms, verify_ms, .. } = figures;
    let times = [compile_ms, key_ms, inference_ms, proof_ms, verify_ms].map(|ms| format!("{ms:.2}"));
    let sizes = [figures.proof_bytes, figures.proof_felts].map(|n| n.to_string());
    let counts = [figures.witness_cells, figures.runs].map(|n| n.to_string());
    [model.to_string()].into_iter().chain(times).chain(sizes).chain([peak(figures)]).chain(counts).collect()
}

/// A row per model and phase, if phases were asked for.
fn by_phase(rows: &[Row]) -> Option<Vec<Vec<String>>> {
    let of_row = |row: &Row| {
        let phases = row.figures.as_ref().map_or(&[][..], |figures| &figures.phases);
        let cells = |phase: &PhaseFigures| {
            let processor = phase.processor_ms.map_or_else(|| "-".into(), |ms| format!("{ms:.0}"));
            let peak = phase.peak_mib.map_or_else(|| "-".into(), |mib| mib.to_string());
            vec![row.model.clone(), phase.phase.clone(), format!("{:.2}", phase.ms), processor, peak]
        };
        phases.iter().map(cells).collect::<Vec<_>>()
    };
    let cells: Vec<Vec<String>> = rows.iter().flat_map(of_row).collect();
    (!cells.is_empty()).then_some(cells)
}

fn curve_cells(points: &[Point]) -> Vec<Vec<String>> {
    let cells = |point: &Point| {
        vec![
            format!("{0}×{0}", point.side),
            point.figures.witness_cells.to_string(),
            format!("{:.2}", point.figures.proof_ms),
            format!("{:.0}", point.ns_per_cell),
            format!("{:.2}", point.figures.verify_ms),
            peak(&point.figures),
        ]
    };
    points.iter().map(cells).collect()
}

fn peak(figures: &Figures) -> String {
    figures.peak_mib.map_or_else(|| "-".into(), |mib| mib.to_string())
}

/// The models without figures, if there are any.
fn failures(rows: &[Row]) -> Option<String> {
    let line = |row: &Row| row.error.as_ref().map(|error| format!("- {}: {error}", row.model));
    let lines: Vec<String> = rows.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| format!("Not measured:\n\n{}", lines.join("\n")))
}

fn aligned(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let all = || std::iter::once(&head).chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(i, cell): (usize, &String)| {
            let width = widths[i];
            if i == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")
    };
    all().map(line).collect::<Vec<_>>().join("\n")
}

fn piped(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
    let rule = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    [line(head.to_vec()), line(rule)].into_iter().chain(body).collect::<Vec<_>>().join("\n")
}
