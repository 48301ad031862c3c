//! Samples as text.

use super::{Array, Port, SampleProblem, format_problem, names_problem};
use crate::answers::{Answer, Given};
use serde_json::{Map, Value};

/// One sample a row; all inputs' elements, in order.
pub(super) fn csv(bytes: &[u8], ports: &[Port]) -> Result<Vec<Array>, SampleProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| format_problem("UTF-8 text", "other bytes"))?;
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let width: usize = ports.iter().map(Port::count).sum();
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (position, (number, line)) in lines.enumerate() {
        match row(line) {
            Ok(row) if row.len() == width => rows.push(row),
            Ok(row) => {
                let got = format!("{} in line {}", row.len(), number + 1);
                return Err(format_problem(format!("{width} columns"), got));
            }
            // A first line that is not numbers names the columns.
            Err(_) if position == 0 => {}
            Err(cell) => return Err(format_problem("a number", format!("{cell:?} in line {}", number + 1))),
        }
    }
    if rows.is_empty() {
        return Err(format_problem("at least one row of numbers", "none"));
    }
    let mut start = 0;
    let column = |port: &Port| {
        let range = start..start + port.count();
        start = range.end;
        let values = rows.iter().flat_map(|row| row[range.clone()].to_vec()).collect();
        Array { name: Some(port.name.clone()), dims: vec![rows.len(), port.count()], values }
    };
    Ok(ports.iter().map(column).collect())
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"'))
}

/// A sample a row: columns of texts and one named `label` by themselves, all others together.
pub(super) fn csv_answers(bytes: &[u8]) -> Result<Vec<Answer>, SampleProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| format_problem("UTF-8 text", "other bytes"))?;
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().filter(|l| !l.trim().is_empty()).collect();
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

/// `{"input_data": [[…], …]}`, or lists by input name.
pub(super) fn json(bytes: &[u8], ports: &[Port]) -> Result<Vec<Array>, SampleProblem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format_problem("JSON", e.to_string()))?;
    let Value::Object(object) = value else {
        return Err(format_problem("a JSON object", kind(&value)));
    };
    let named = ports.iter().any(|port| object.contains_key(&port.name));
    match object.get("input_data") {
        Some(lists) if !named => by_position(lists, ports),
        _ => by_name(&object, ports),
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
        return Err(super::shape_problem(port, expected, values.len().to_string()));
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

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
