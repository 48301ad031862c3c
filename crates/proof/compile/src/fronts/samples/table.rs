//! Tables: columns of numbers and texts, matched with a model's inputs by name.
//!
//! A model whose elements all have names takes the columns of these names, in whatever order they stand, and passes over
//! others. Where a model or a table has no names, columns are taken in order. What a table has in a column of categories, text or
//! number, becomes its code.

use super::array::{Array, Arrays};
use super::port::{Port, equal};
use super::problem::{SampleProblem, format_problem};
use ciro_graph::{Column, Unseen};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of named or nameless columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// One name per column, or none at all.
    pub names: Vec<String>,
    /// The columns, all of one length.
    pub columns: Vec<Cells>,
    /// The lines of the file that the rows stand in; none if they stand in no lines.
    pub lines: Vec<usize>,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Texts, which may be those of numbers; `None` is missing.
    Texts(Vec<Option<String>>),
}

impl Cells {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Numbers(cells) => cells.len(),
            Self::Texts(cells) => cells.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// The table, if all its columns are of one length.
    ///
    /// # Errors
    /// [`SampleProblem::Column`] naming the first that is not.
    pub fn even(self) -> Result<Self, SampleProblem> {
        let rows = self.columns.first().map_or(0, Cells::len);
        let other = self.columns.iter().position(|column| column.len() != rows);
        other.map_or(Ok(()), |at| {
            let column = self.names.get(at).cloned().unwrap_or_else(|| at.to_string());
            let got = self.columns[at].len().to_string();
            Err(SampleProblem::Column { column, expected: format!("{rows} cells as in the first column"), got })
        })?;
        Ok(self)
    }
}

/// The code of a category that the model has not seen, where it has one.
const CODED: f64 = -1.0;

/// Texts that stand for no number, as the libraries write them that write tables.
const MISSING: [&str; 7] = ["", "NA", "N/A", "<NA>", "NaT", "null", "None"];

/// An element of an input: what it is called and how it is written.
struct Slot<'a> {
    name: &'a str,
    column: Option<&'a Column>,
}

/// All elements of the inputs, in order.
fn slots(ports: &[Port]) -> Vec<Slot<'_>> {
    ports.iter().flat_map(|port| (0..port.count()).map(move |i| slot(port, i, ports.len() > 1))).collect()
}

/// Element `i` of an input. One element that is an input by itself, of several, is called as the input is.
fn slot(port: &Port, i: usize, several: bool) -> Slot<'_> {
    let column = port.columns.get(i);
    let own = column.map_or("", |column| column.name.as_str());
    let name = if own.is_empty() && several && port.count() == 1 { &port.name } else { own };
    Slot { name, column }
}

/// Whether a name is that of one of the model's elements.
pub(super) fn has_column<'a>(ports: &[Port], mut names: impl Iterator<Item = &'a String>) -> bool {
    let slots = slots(ports);
    let known: BTreeSet<&str> = slots.iter().map(|slot| slot.name).filter(|name| !name.is_empty()).collect();
    names.any(|name| known.contains(name.as_str()))
}

/// Whether a first row is a header: it has a name of the model's, or a text where the model takes a number.
pub(super) fn is_header(ports: &[Port], cells: &[String]) -> bool {
    let slots = slots(ports);
    let takes_texts = |i: usize| slots.get(i).and_then(|slot| slot.column).is_some_and(|c| !c.categories.is_empty());
    has_column(ports, cells.iter())
        || cells.iter().enumerate().any(|(i, cell)| number(cell).is_none() && !takes_texts(i))
}

/// The inputs' arrays, one row per sample.
pub(super) fn arrays(table: &Table, ports: &[Port]) -> Result<Vec<Array>, SampleProblem> {
    let slots = slots(ports);
    let rows = table.columns.first().map_or(0, Cells::len);
    if rows == 0 {
        return Err(format_problem("at least one row of numbers", "none"));
    }
    let places = places(table, &slots)?;
    let read = |(slot, place): (&Slot<'_>, usize)| values(slot, &table.columns[place], table);
    let columns: Vec<Vec<f64>> = slots.iter().zip(places).map(read).collect::<Result<_, _>>()?;
    let mut first = 0;
    let array = |port: &Port| {
        let own = first..first + port.count();
        first = own.end;
        let row = |row: usize| columns[own.clone()].iter().map(move |column| column[row]);
        let values = (0..rows).flat_map(row).collect();
        Array { name: Some(port.name.clone()), dims: vec![rows, port.count()], values }
    };
    Ok(ports.iter().map(array).collect())
}

/// The table's column for each element.
fn places(table: &Table, slots: &[Slot<'_>]) -> Result<Vec<usize>, SampleProblem> {
    let has_names = !table.names.is_empty() && slots.iter().all(|slot| !slot.name.is_empty());
    if !has_names {
        return match table.columns.len() {
            got if got == slots.len() => Ok((0..got).collect()),
            got => Err(format_problem(format!("{} columns", slots.len()), got.to_string())),
        };
    }
    let mut known: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, name) in table.names.iter().enumerate() {
        known.entry(name).or_default().push(place);
    }
    // LightGBM writes spaces of names as underscores.
    let mut spaced: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, name) in table.names.iter().enumerate().filter(|(_, name)| name.contains(char::is_whitespace)) {
        spaced.entry(name.replace(char::is_whitespace, "_")).or_default().push(place);
    }
    let place = |slot: &Slot<'_>| match known.get(slot.name).or_else(|| spaced.get(slot.name)).map(Vec::as_slice) {
        Some(&[place]) => Ok(place),
        Some(places) => Err(SampleProblem::Column {
            column: slot.name.into(),
            expected: "one column of this name".into(),
            got: places.len().to_string(),
        }),
        None => Err(SampleProblem::Column {
            column: slot.name.into(),
            expected: "a column of this name".into(),
            got: listed(&table.names),
        }),
    };
    slots.iter().map(place).collect()
}

/// The first names, as many as a line holds.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(left @ 1..) => format!("{shown} and {left} more"),
        Some(_) | None => shown,
    }
}

/// The numbers that the program reads.
fn values(slot: &Slot<'_>, cells: &Cells, table: &Table) -> Result<Vec<f64>, SampleProblem> {
    let nameless = Column::default();
    let column = slot.column.unwrap_or(&nameless);
    match cells {
        Cells::Numbers(cells) => {
            let read = |(row, &cell): (usize, &f64)| {
                of_number(column, cell).ok_or_else(|| refuse(slot, &cell.to_string(), row, table))
            };
            cells.iter().enumerate().map(read).collect()
        }
        Cells::Texts(cells) => {
            let read = |(row, cell): (usize, &Option<String>)| {
                let text = cell.as_deref();
                of_text(column, text).ok_or_else(|| refuse(slot, text.unwrap_or_default(), row, table))
            };
            cells.iter().enumerate().map(read).collect()
        }
    }
}

fn refuse(slot: &Slot<'_>, text: &str, row: usize, table: &Table) -> SampleProblem {
    let place = table.lines.get(row).map_or_else(|| format!("row {row}"), |line| format!("line {line}"));
    let got = format!("{text:?} in {place}");
    let expected = match slot.column.map(|column| column.categories.as_slice()) {
        None | Some([]) => "a number".into(),
        Some(categories) => format!("one of {}", listed(categories)),
    };
    match slot.name {
        "" => format_problem(expected, got),
        name => SampleProblem::Column { column: name.into(), expected, got },
    }
}

/// What a number of a table is to the model: itself, or the code of a category. `None` if the model refuses it.
fn of_number(column: &Column, number: f64) -> Option<f64> {
    if number.is_nan() {
        return Some(missing(column));
    }
    if column.categories.is_empty() {
        return Some(number);
    }
    // Of truth values, 0 and 1 are False and True.
    let truth = |text: &String| (text == "True" && equal(number, 1.0)) || (text == "False" && equal(number, 0.0));
    let is_same = |text: &String| text.parse() == Ok(number) || truth(text);
    column.categories.iter().position(is_same).map(|code| code as f64).or_else(|| unseen(column))
}

/// What the program reads for a category that it has not seen; `None` if it refuses it.
const fn unseen(column: &Column) -> Option<f64> {
    match column.unseen {
        Unseen::Missing => Some(f64::NAN),
        Unseen::Coded => Some(CODED),
        Unseen::Refused => None,
    }
}

/// What the program reads where nothing is said.
fn missing(column: &Column) -> f64 {
    let as_text = column.categories.iter().position(|text| text == "nan" || text == "None");
    match (as_text, column.unseen) {
        (Some(code), _) => code as f64,
        (None, Unseen::Coded) if !column.categories.is_empty() => CODED,
        (None, Unseen::Missing | Unseen::Coded | Unseen::Refused) => f64::NAN,
    }
}

/// What the program reads for a text; `None` if it takes a number and this is none.
fn of_text(column: &Column, text: Option<&str>) -> Option<f64> {
    let exact = text.and_then(|text| column.categories.iter().position(|category| category == text));
    match (exact, text) {
        (Some(code), _) => Some(code as f64),
        (None, None) => Some(missing(column)),
        (None, Some(text)) => match number(text) {
            Some(number) => of_number(column, number),
            None if column.categories.is_empty() => None,
            None => unseen(column),
        },
    }
}

/// A number, a truth value or nothing.
fn number(text: &str) -> Option<f64> {
    match text {
        "True" | "true" => Some(1.0),
        "False" | "false" => Some(0.0),
        _ if MISSING.contains(&text) => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

/// What a file of samples holds.
pub(super) enum Content {
    /// An array per input.
    Arrays(Arrays),
    /// Columns by name.
    Table(Table),
}
