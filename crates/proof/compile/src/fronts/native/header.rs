//! Names and categories of columns, as boosters' files have them.

use super::json::At;
use crate::terms::native::NativeError;
use ciro_graph::Column;
use serde_json::Value;

/// Columns of these names; none where the library made the names up: `Column_0`, `f0`.
pub(super) fn named(names: &[String]) -> Vec<Column> {
    let made_up = |prefix: &str| names.iter().enumerate().all(|(i, name)| *name == format!("{prefix}{i}"));
    if made_up("Column_") || made_up("f") {
        return Vec::new();
    }
    names.iter().map(|name| Column { name: name.clone(), ..Column::default() }).collect()
}

/// A list of texts that may be missing.
pub(super) fn texts(list: Option<At<'_>>) -> Result<Vec<String>, NativeError> {
    let list = list.map_or(Ok(vec![]), |list| list.list())?;
    list.iter().map(|item| item.text().map(String::from)).collect()
}

/// Gives the columns at `places` the categories in `lists`, a list for each in the same order. Where a file does not tell whose
/// they are, nothing is said, and texts in these columns are refused.
pub(super) fn categorize(columns: &mut Vec<Column>, (features, places): (usize, &[usize]), lists: &Value) {
    let Some(lists) = lists.as_array().filter(|lists| lists.len() == places.len() && !lists.is_empty()) else { return };
    if columns.is_empty() {
        columns.resize(features, Column::default());
    }
    for (&place, list) in places.iter().zip(lists) {
        if let (Some(column), Some(list)) = (columns.get_mut(place), list.as_array()) {
            column.categories = list.iter().map(category).collect();
        }
    }
}

/// A category as a table has it: truth values as Python writes them.
pub(super) fn category(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        other => other.to_string(),
    }
}
