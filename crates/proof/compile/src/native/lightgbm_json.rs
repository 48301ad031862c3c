//! LightGBM's JSON: `dump_model`, nested objects per tree.

use super::booster::{Booster, CLASSES_MAX, FEATURES_MAX, FileNode, add_tree};
use super::json::At;
use super::lightgbm::{self, FileSplit, Missing};
use super::{LIGHTGBM, NativeError};
use crate::plan::Ensemble;
use serde_json::Value;

/// The booster in a document.
pub(super) fn read(document: &Value) -> Result<Booster, NativeError> {
    let root = At::root(LIGHTGBM, document);
    let features = root.field("max_feature_idx")?.count(FEATURES_MAX - 1)? + 1;
    let classes = root.field("num_tree_per_iteration")?.count(CLASSES_MAX)?.max(1);
    let objective = root.maybe("objective").map(|at| at.text()).transpose()?;
    let link = lightgbm::link(objective)?;
    let mut forest = lightgbm::forest(classes);
    for (number, tree) in root.field("tree_info")?.list()?.into_iter().enumerate() {
        let structure = tree.field("tree_structure")?;
        add(structure, number % classes, features, &mut forest)?;
    }
    let average = root.maybe("average_output").map_or(Ok(false), |at| at.flag())?;
    lightgbm::finish(&mut forest, link, average)?;
    Ok(Booster { format: LIGHTGBM, features, forest, link, notes: vec![] })
}

fn add(structure: At<'_>, class: usize, features: usize, forest: &mut Ensemble) -> Result<(), NativeError> {
    let place = structure.path().to_string();
    // Nodes in the order in which they are met; each is a parent's child, so none is met twice.
    let mut met = vec![structure];
    let read = |node: usize| {
        let at = met[node].clone();
        if at.maybe("leaf_const").is_some() {
            return Err(LIGHTGBM.unsupported("linear models at the leaves", "train with linear_tree=false"));
        }
        if let Some(value) = at.maybe("leaf_value") {
            return Ok(FileNode::Leaf(value.number()? as f32));
        }
        let children = (met.len(), met.len() + 1);
        met.extend([at.field("left_child")?, at.field("right_child")?]);
        split(&at, children, features)?.node()
    };
    add_tree(forest, (class, 0), || place.clone(), LIGHTGBM, read)
}

fn split(at: &At<'_>, (left, right): (usize, usize), features: usize) -> Result<FileSplit, NativeError> {
    let feature = at.field("split_feature")?.count(features - 1)?;
    let decision = at.field("decision_type")?;
    match decision.text()? {
        "<=" => {}
        "==" => {
            let hint = "encode categories as numbers (one-hot) before training, or train with categorical_feature=\"\"";
            return Err(LIGHTGBM.unsupported(format!("a categorical split on feature {feature}"), hint));
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
    Ok(FileSplit { feature, threshold, missing, default_left, left, right })
}
