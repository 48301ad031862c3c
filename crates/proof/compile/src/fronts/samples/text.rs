//! Samples as text.

use super::array::{Array, Arrays, MAX_CELLS, MAX_SAMPLES};
use super::port::{Port, names_problem, shape_problem};
use super::problem::{SampleProblem, excess, format_problem};
use super::table::{self, Cells, Content, Table};
use crate::fronts::native::json::kind;
use crate::terms::answers::{Answer, Given};
use crate::terms::size::{at_most, json_at_most};
use ciro_graph::problem::MAX_NAME;
use ciro_types::check_printable;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The text of a table that is not too large.
fn csv_text(bytes: &[u8]) -> Result<&str, SampleProblem> {
    at_most(MAX_SAMPLES, "lines", b"\n", bytes).map_err(excess)?;
    at_most(MAX_CELLS, "cells", b",\n", bytes).map_err(excess)?;
    let text = std::str::from_utf8(bytes).map_err(|_| format_problem("UTF-8 text", "other bytes"))?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// One sample a row, with a header or without.
pub(super) fn csv(bytes: &[u8], ports: &[Port]) -> Result<Table, SampleProblem> {
    let text = csv_text(bytes)?;
    let mut lines = records(text);
    let header = lines.first().is_some_and(|(_, cells)| table::is_header(ports, cells));
    let names = if header { lines.remove(0).1 } else { Vec::new() };
    let elements: usize = ports.iter().map(Port::count).sum();
    // With names, a table may have more columns than the model takes.
    let width = if names.is_empty() { elements } else { names.len() };
    if let Some((line, cells)) = lines.iter().find(|(_, cells)| cells.len() != width) {
        return Err(format_problem(format!("{width} columns"), format!("{} in line {line}", cells.len())));
    }
    let numbers = lines.iter().map(|(line, _)| *line).collect();
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(lines.len()); width];
    for (_, cells) in lines {
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.push((!cell.is_empty()).then_some(cell));
        }
    }
    Ok(Table { names, columns: columns.into_iter().map(Cells::Texts).collect(), lines: numbers })
}

/// See [`crate::fronts::samples::header`].
pub(super) fn header(bytes: &[u8], ports: &[Port]) -> Result<Vec<String>, SampleProblem> {
    let [port] = ports else { return Ok(Vec::new()) };
    let is_row = port.shape.len() <= 2 && port.columns.iter().all(|column| column.name.is_empty());
    let first = records(csv_text(bytes)?).into_iter().next().map(|(_, cells)| cells).unwrap_or_default();
    let distinct = first.iter().collect::<BTreeSet<_>>().len() == first.len();
    let are_names = first.iter().all(|name| check_printable(name, MAX_NAME).is_ok() && !name.is_empty());
    let fits = first.len() == port.count() && distinct && are_names && table::is_header(ports, &first);
    Ok(if is_row && fits { first } else { Vec::new() })
}

/// The records of a text with the number of each one's first line. Cells lie between commas; one in quotes may hold commas,
/// line ends and, twice each, quotes.
fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let (mut records, mut cells, mut cell) = (Vec::new(), Vec::new(), Cell::default());
    let (mut line, mut first, mut quoted) = (1, 1, false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => cell.text.extend(characters.next()),
            '"' if quoted => quoted = false,
            '"' if cell.text.trim().is_empty() && !cell.quoted => {
                cell = Cell { text: String::new(), quoted: true };
                quoted = true;
            }
            ',' if !quoted => cells.push(std::mem::take(&mut cell).finish()),
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell).finish());
                records.push((first, std::mem::take(&mut cells)));
                first = line;
            }
            // Blanks after the quotes.
            blank if cell.quoted && !quoted && blank.is_whitespace() => {}
            other => cell.text.push(other),
        }
    }
    cells.push(cell.finish());
    records.push((first, cells));
    records.retain(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()) || cells.len() > 1);
    records
}

/// A cell that is being read.
#[derive(Default)]
struct Cell {
    text: String,
    quoted: bool,
}

impl Cell {
    /// Blanks around a cell are no part of it, unless they stand in quotes.
    fn finish(self) -> String {
        if self.quoted { self.text } else { self.text.trim().to_string() }
    }
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"'))
}

/// A sample a row: columns of texts and one named `label` by themselves, all others together.
pub(super) fn csv_answers(bytes: &[u8]) -> Result<Vec<Answer>, SampleProblem> {
    let lines: Vec<&str> = csv_text(bytes)?.lines().filter(|l| !l.trim().is_empty()).collect();
    let named = lines.first().is_some_and(|line| row(line).is_err());
    let rows: Vec<Vec<&str>> = lines.iter().skip(usize::from(named)).map(|line| cells(line).collect()).collect();
    let width = rows.first().map_or(0, Vec::len);
    if let Some(row) = rows.iter().find(|row| row.len() != width) {
        return Err(format_problem(format!("{width} columns"), row.len().to_string()));
    }
    let names: Vec<&str> = if named { cells(lines[0]).collect() } else { vec![""; width] };
    let number = |cell: &str| cell.parse::<f64>().ok();
    let is_numbers =
        |column: &usize| names.get(*column) != Some(&"label") && rows.iter().all(|r| number(r[*column]).is_some());
    let (numbers, others): (Vec<usize>, Vec<usize>) = (0..width).partition(is_numbers);
    let mut answers: Vec<Answer> = Vec::new();
    for column in others {
        let texts = Given::Texts(rows.iter().map(|row| row[column].to_string()).collect());
        answers.push(Answer { output: names.get(column).copied().unwrap_or_default().into(), values: texts });
    }
    if !numbers.is_empty() {
        let values = rows.iter().flat_map(|row| numbers.iter().filter_map(|&column| number(row[column]))).collect();
        answers.push(Answer { output: "y".into(), values: Given::Numbers { width: numbers.len(), values } });
    }
    Ok(answers)
}

/// An empty cell is a missing value.
fn row(line: &str) -> Result<Vec<f64>, String> {
    let cells = cells(line);
    let number = |cell: &str| if cell.is_empty() { Ok(f64::NAN) } else { cell.parse().map_err(|_| cell.to_string()) };
    cells.map(number).collect()
}

/// `{"input_data": [[…], …]}`, lists by input name, or a table: a list of records, one record, or lists by column.
pub(super) fn json(bytes: &[u8], ports: &[Port]) -> Result<Content, SampleProblem> {
    json_at_most(MAX_CELLS, bytes).map_err(excess)?;
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format_problem("JSON", e.to_string()))?;
    let object = match value {
        Value::Array(rows) if rows.first().is_some_and(Value::is_object) => {
            return by_record(&rows).map(Content::Table);
        }
        Value::Object(object) => object,
        other => return Err(format_problem("a JSON object or a list of records", kind(&other))),
    };
    let named = ports.iter().any(|port| object.contains_key(&port.name));
    let is_port = |name: &String| ports.iter().any(|port| port.name == *name);
    if !object.keys().any(is_port) && table::has_column(ports, object.keys()) || has_texts(&object) {
        return by_column(object).map(Content::Table);
    }
    let arrays = match object.get("input_data") {
        Some(lists) if !named => by_position(lists, ports),
        _ => by_name(&object, ports),
    };
    Ok(Content::Arrays(Arrays { inputs: arrays?, answers: None }))
}

/// Whether a value, or the first of a list, is a text.
fn has_texts(object: &Map<String, Value>) -> bool {
    object.values().any(|value| value.is_string() || value.get(0).is_some_and(Value::is_string))
}

/// A record per sample, all with the same names.
fn by_record(rows: &[Value]) -> Result<Table, SampleProblem> {
    let names: Vec<String> = rows[0].as_object().map(|first| first.keys().cloned().collect()).unwrap_or_default();
    let cell = |name: &String, (row, record): (usize, &Value)| match record.get(name) {
        Some(value) => text_of(value),
        None => Err(SampleProblem::Column {
            column: name.clone(),
            expected: "a value in every record".into(),
            got: format!("none in record {row}"),
        }),
    };
    let column = |name: &String| rows.iter().enumerate().map(|row| cell(name, row)).collect::<Result<_, _>>();
    let columns: Vec<Vec<Option<String>>> = names.iter().map(column).collect::<Result<_, _>>()?;
    Ok(Table { names, columns: columns.into_iter().map(Cells::Texts).collect(), lines: vec![] })
}

/// Lists by column, all of one length, or a single record.
fn by_column(object: Map<String, Value>) -> Result<Table, SampleProblem> {
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (name, value) in object {
        let cells: Vec<Option<String>> = match value {
            Value::Array(values) => values.iter().map(text_of).collect::<Result<_, _>>()?,
            one => vec![text_of(&one)?],
        };
        names.push(name);
        columns.push(Cells::Texts(cells));
    }
    Table { names, columns, lines: vec![] }.even()
}

/// A cell. Its text is that of a number, of a truth value, or what it says.
fn text_of(value: &Value) -> Result<Option<String>, SampleProblem> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Array(_) | Value::Object(_) => Err(format_problem("a number or a text in each cell", kind(value))),
    }
}

fn by_position(lists: &Value, ports: &[Port]) -> Result<Vec<Array>, SampleProblem> {
    let Value::Array(rows) = lists else {
        return Err(format_problem("a list under \"input_data\"", kind(lists)));
    };
    if let [port] = ports {
        // A list of numbers is one sample; a list of lists has one sample each.
        return Ok(vec![flat(port, lists)?]);
    }
    if rows.len() != ports.len() {
        return Err(format_problem(format!("{} lists under \"input_data\"", ports.len()), rows.len().to_string()));
    }
    ports.iter().zip(rows).map(|(port, row)| flat(port, row)).collect()
}

fn by_name(object: &Map<String, Value>, ports: &[Port]) -> Result<Vec<Array>, SampleProblem> {
    let names = || object.keys().cloned().collect();
    if object.len() != ports.len() {
        return Err(names_problem(ports, names()));
    }
    let list = |port: &Port| flat(port, object.get(&port.name).ok_or_else(|| names_problem(ports, names()))?);
    ports.iter().map(list).collect()
}

/// All numbers of a nested list, as samples of the input.
fn flat(port: &Port, list: &Value) -> Result<Array, SampleProblem> {
    let mut values = Vec::new();
    collect(list, &mut values)?;
    let count = port.count();
    if values.is_empty() || !values.len().is_multiple_of(count) {
        let expected = format!("a multiple of {count} numbers");
        return Err(shape_problem(port, expected, values.len().to_string()));
    }
    Ok(Array { name: Some(port.name.clone()), dims: vec![values.len() / count, count], values })
}

fn collect(value: &Value, into: &mut Vec<f64>) -> Result<(), SampleProblem> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, into)),
        Value::Number(number) => match number.as_f64() {
            Some(v) => {
                into.push(v);
                Ok(())
            }
            None => Err(format_problem("numbers", number.to_string())),
        },
        // JSON has no NaN.
        Value::Null => {
            into.push(f64::NAN);
            Ok(())
        }
        other => Err(format_problem("numbers", kind(other))),
    }
}
