//! LightGBM's JSON: `dump_model`, nested objects per tree.

use super::booster::{Body, Booster, CLASSES_MAX, FEATURES_MAX, FileNode, Membership, Memberships, add_tree};
use super::header::{categorize, named, texts};
use super::json::At;
use super::lightgbm::{self, FileSplit, Missing};
use crate::graph::forest::Ensemble;
use crate::terms::native::{LIGHTGBM, NativeError};
use ciro_graph::Column;
use serde_json::Value;

/// The booster in a document.
pub(super) fn read(document: &Value) -> Result<Booster, NativeError> {
    let root = At::root(LIGHTGBM, document);
    let features = root.field("max_feature_idx")?.count(FEATURES_MAX - 1)? + 1;
    let classes = root.field("num_tree_per_iteration")?.count(CLASSES_MAX)?.max(1);
    let objective = root.maybe("objective").map(|at| at.text()).transpose()?;
    let link = lightgbm::link(objective)?;
    let (mut forest, mut memberships) = (lightgbm::forest(classes), Memberships::default());
    for (number, tree) in root.field("tree_info")?.list()?.into_iter().enumerate() {
        let structure = tree.field("tree_structure")?;
        add(structure, number % classes, features, (&mut forest, &mut memberships))?;
    }
    let average = root.maybe("average_output").map_or(Ok(false), |at| at.flag())?;
    lightgbm::finish(&mut forest, link, average)?;
    let body = Body::Trees(forest, memberships);
    Ok(Booster {
        format: LIGHTGBM,
        features,
        double: true,
        columns: named_columns(document, &root, features)?,
        body,
        link,
        notes: vec![],
    })
}

/// Names, and the categories that pandas had: one list per feature that has values.
fn named_columns(document: &Value, root: &At<'_>, features: usize) -> Result<Vec<Column>, NativeError> {
    let names = texts(root.maybe("feature_names"))?;
    let has_values = |name: &String| {
        let values = document.get("feature_infos").and_then(|infos| infos.get(name)?.get("values")?.as_array());
        values.is_some_and(|values| !values.is_empty())
    };
    let places: Vec<usize> = names.iter().enumerate().filter(|(_, name)| has_values(name)).map(|(i, _)| i).collect();
    let mut columns = if names.len() == features { named(&names) } else { vec![] };
    categorize(&mut columns, (features, &places), document.get("pandas_categorical").unwrap_or(&Value::Null));
    Ok(columns)
}

fn add(
    structure: At<'_>,
    class: usize,
    features: usize,
    (forest, memberships): (&mut Ensemble, &mut Memberships),
) -> Result<(), NativeError> {
    let place = structure.path().to_string();
    // Nodes in the order in which they are met; each is a parent's child, so none is met twice.
    let mut met = vec![structure];
    let read = |node: usize| {
        let at = met[node].clone();
        if at.maybe("leaf_const").is_some() {
            let hint = "save it with save_model: as text, such leaves are read";
            return Err(LIGHTGBM.unsupported("linear models at the leaves", hint));
        }
        if let Some(value) = at.maybe("leaf_value") {
            return Ok(FileNode::Leaf(value.number()? as f32));
        }
        let children = (met.len(), met.len() + 1);
        met.extend([at.field("left_child")?, at.field("right_child")?]);
        split(&at, children, features, memberships)
    };
    add_tree(forest, (class, 0, features), || place.clone(), LIGHTGBM, read)
}

fn split(
    at: &At<'_>,
    (left, right): (usize, usize),
    features: usize,
    memberships: &mut Memberships,
) -> Result<FileNode, NativeError> {
    let feature = at.field("split_feature")?.count(features - 1)?;
    let decision = at.field("decision_type")?;
    match decision.text()? {
        "<=" => {}
        "==" => {
            let categories = categories(&at.field("threshold")?)?;
            // What is missing, negative or never seen goes right.
            let membership = Membership::of(feature, &categories, false, true);
            return Ok(FileNode::Member { number: memberships.number(membership), member: left, other: right });
        }
        other => return Err(decision.refuse("<= or ==", other)),
    }
    let missing = at.field("missing_type")?;
    let missing = match missing.text()? {
        "None" => Missing::None,
        "Zero" => Missing::Zero,
        "NaN" => Missing::Nan,
        other => return Err(missing.refuse("None, Zero or NaN", other)),
    };
    let (threshold, default_left) = (at.field("threshold")?.number()?, at.field("default_left")?.flag()?);
    FileSplit { feature, threshold, missing, default_left, left, right }.node(memberships)
}

/// The categories that go left, such as `0||3||5`.
fn categories(at: &At<'_>) -> Result<Vec<u32>, NativeError> {
    let text = at.text()?;
    let category = |word: &str| word.parse().ok().filter(|&c: &u32| c < 1 << 24);
    let categories: Option<Vec<u32>> = text.split("||").map(category).collect();
    let mut categories = categories.ok_or_else(|| at.refuse("numbers below 2²⁴ between ||", text))?;
    categories.sort_unstable();
    categories.dedup();
    Ok(categories)
}
