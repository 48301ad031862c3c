//! LightGBM's text format: `save_model`.
//!
//! Lines `key=value` in blocks: a header, then a block per tree that begins with `Tree=`. A child below zero is a leaf: −1 is leaf
//! 0, −2 leaf 1.

use super::booster::{Body, Booster, CLASSES_MAX, FEATURES_MAX, FileNode, Membership, Memberships, add_tree};
use super::header::{categorize, named};
use super::lightgbm::{self, FileSplit, Missing};
use crate::graph::forest::Ensemble;
use crate::terms::native::{LIGHTGBM, NativeError};
use crate::terms::size::{MOST_VALUES, json_at_most};
use ciro_graph::Column;
use serde_json::Value;
use std::collections::BTreeMap;
use std::str::FromStr;

/// The booster in a file.
pub(super) fn read(bytes: &[u8]) -> Result<Booster, NativeError> {
    let text = std::str::from_utf8(bytes).map_err(|_| LIGHTGBM.malformed("file", "UTF-8 text", "other bytes"))?;
    let trees_end = text.find("\nend of trees");
    let trees_end = trees_end.ok_or_else(|| LIGHTGBM.malformed("file", "a line \"end of trees\"", "none"))?;
    let mut blocks = text[..trees_end].split("\nTree=");
    let header = Block::of("header".into(), blocks.next().unwrap_or_default());
    let features = header.count("max_feature_idx", FEATURES_MAX - 1)? + 1;
    let classes = header.count("num_tree_per_iteration", CLASSES_MAX)?.max(1);
    let link = lightgbm::link(header.values.get("objective").copied())?;
    let (mut forest, mut memberships) = (lightgbm::forest(classes), Memberships::default());
    let mut is_linear = false;
    for (number, block) in blocks.enumerate() {
        let block = Block::of(format!("tree {number}"), block);
        is_linear |= block.is_linear();
        add(&block, number % classes, features, (&mut forest, &mut memberships))?;
    }
    lightgbm::finish(&mut forest, link, header.values.contains_key("average_output"))?;
    let body = if is_linear { Body::LinearTrees(forest, memberships) } else { Body::Trees(forest, memberships) };
    Ok(Booster {
        format: LIGHTGBM,
        features,
        double: true,
        columns: named_columns(&header, &text[trees_end..], features),
        body,
        link,
        notes: vec![],
    })
}

/// Names, and the categories that pandas had: one list per feature that the parameters call categorical.
fn named_columns(header: &Block<'_>, footer: &str, features: usize) -> Vec<Column> {
    let names: Vec<String> = header
        .values
        .get("feature_names")
        .map(|names| names.split(' ').map(String::from).collect())
        .unwrap_or_default();
    let after = |key: &str| footer.lines().find_map(|line| line.strip_prefix(key));
    let places = after("[categorical_feature: ").and_then(|list| list.strip_suffix(']')).unwrap_or_default();
    let places: Vec<usize> = places.split(',').filter_map(|place| place.parse().ok()).collect();
    let listed = after("pandas_categorical:").filter(|list| json_at_most(MOST_VALUES, list.as_bytes()).is_ok());
    let lists = listed.and_then(|list| serde_json::from_str(list).ok()).unwrap_or(Value::Null);
    let mut columns = if names.len() == features { named(&names) } else { vec![] };
    categorize(&mut columns, (features, &places), &lists);
    columns
}

/// Lines `key=value`; a line without a value is a flag.
struct Block<'a> {
    place: String,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Block<'a> {
    fn of(place: String, text: &'a str) -> Self {
        let values = text.lines().map(|line| line.trim().split_once('=').unwrap_or((line.trim(), "")));
        Self { place, values: values.collect() }
    }

    fn refuse(&self, key: &str, expected: impl Into<String>, got: impl Into<String>) -> NativeError {
        LIGHTGBM.malformed(&format!("{}, {key}", self.place), expected, got)
    }

    fn value(&self, key: &str) -> Result<&'a str, NativeError> {
        self.values.get(key).copied().ok_or_else(|| self.refuse(key, "a value", "none"))
    }

    /// Whether a tree has linear models at its leaves.
    fn is_linear(&self) -> bool {
        self.values.get("is_linear").is_some_and(|&flag| flag != "0")
    }

    /// A number of things, at most `most`.
    fn count(&self, key: &str, most: usize) -> Result<usize, NativeError> {
        let text = self.value(key)?;
        let count = text.parse().ok().filter(|&count| count <= most);
        count.ok_or_else(|| self.refuse(key, format!("a number from 0 to {most}"), text))
    }

    /// A list of exactly `count` elements.
    fn list<T: FromStr>(&self, key: &str, count: usize) -> Result<Vec<T>, NativeError> {
        let text = if count == 0 { "" } else { self.value(key)? };
        let read = |word: &str| word.parse().map_err(|_| self.refuse(key, "a number", word));
        let list: Vec<T> = text.split_whitespace().map(read).collect::<Result<_, _>>()?;
        if list.len() != count {
            return Err(self.refuse(key, format!("{count} elements"), list.len().to_string()));
        }
        Ok(list)
    }
}

/// Bits of a decision type.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

fn missing(decision: u8) -> Option<Missing> {
    match decision >> 2 {
        0 => Some(Missing::None),
        1 => Some(Missing::Zero),
        2 => Some(Missing::Nan),
        _ => None,
    }
}

/// The columns of one tree: per split, and per leaf.
struct Columns {
    feature: Vec<usize>,
    threshold: Vec<f64>,
    decision: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaf: Vec<f64>,
}

fn columns(block: &Block<'_>) -> Result<Columns, NativeError> {
    let leaves = block.count("num_leaves", usize::MAX)?;
    let splits = leaves.checked_sub(1).ok_or_else(|| block.refuse("num_leaves", "at least one", "0"))?;
    Ok(Columns {
        feature: block.list("split_feature", splits)?,
        threshold: block.list("threshold", splits)?,
        decision: block.list("decision_type", splits)?,
        left: block.list("left_child", splits)?,
        right: block.list("right_child", splits)?,
        leaf: block.list("leaf_value", leaves)?,
    })
}

/// The categories of each categorical split, by the number that the file gives it: those that go left.
fn categories(block: &Block<'_>) -> Result<Vec<Vec<u32>>, NativeError> {
    let splits = block.values.get("num_cat").map_or(Ok(0), |_| block.count("num_cat", FEATURES_MAX))?;
    if splits == 0 {
        return Ok(vec![]);
    }
    let ends: Vec<usize> = block.list("cat_boundaries", splits + 1)?;
    let words: Vec<u32> = block.list("cat_threshold", ends.last().copied().unwrap_or(0))?;
    let of = |pair: &[usize]| {
        let words = words.get(pair[0]..pair[1]);
        let words = words.ok_or_else(|| block.refuse("cat_boundaries", "ascending numbers", format!("{pair:?}")))?;
        let bits = words.iter().enumerate().flat_map(|(i, &word)| (0..32).map(move |bit| (i, word, bit)));
        Ok(bits.filter(|(_, word, bit)| word >> bit & 1 == 1).map(|(i, _, bit)| i as u32 * 32 + bit).collect())
    };
    ends.windows(2).map(of).collect()
}

/// A leaf's offset, and the slopes of features.
type LinearLeaf = (f32, Vec<(usize, f32)>);

/// What each leaf adds up. Where one of these is missing, LightGBM takes the leaf's plain value: an input
/// that something is computed from refuses missing values.
fn linear_leaves(block: &Block<'_>, leaves: usize, features: usize) -> Result<Vec<LinearLeaf>, NativeError> {
    let offsets: Vec<f64> = block.list("leaf_const", leaves)?;
    let counts: Vec<usize> = block.list("num_features", leaves)?;
    let total = counts.iter().try_fold(0usize, |sum, &count| sum.checked_add(count)).unwrap_or(usize::MAX);
    let places: Vec<usize> = block.list("leaf_features", total)?;
    let slopes: Vec<f64> = block.list("leaf_coeff", total)?;
    if let Some(got) = places.iter().find(|&&place| place >= features) {
        return Err(block.refuse("leaf_features", format!("numbers below {features}"), got.to_string()));
    }
    let mut all = places.into_iter().zip(slopes.into_iter().map(|slope| slope as f32));
    Ok(offsets.into_iter().zip(counts).map(|(offset, n)| (offset as f32, all.by_ref().take(n).collect())).collect())
}

fn add(
    block: &Block<'_>,
    class: usize,
    features: usize,
    (forest, memberships): (&mut Ensemble, &mut Memberships),
) -> Result<(), NativeError> {
    let (columns, categories) = (columns(block)?, categories(block)?);
    let splits = columns.feature.len();
    let linear = block.is_linear().then(|| linear_leaves(block, splits + 1, features)).transpose()?;
    let classes = forest.classes;
    // Splits first, then leaves.
    let numbered = |child: i64| if child < 0 { splits + !child as usize } else { child as usize };
    let read = |node: usize| {
        if let Some(leaf) = node.checked_sub(splits).filter(|&leaf| leaf < columns.leaf.len()) {
            return Ok(match &linear {
                None => FileNode::Leaf(columns.leaf[leaf] as f32),
                Some(leaves) => {
                    let (offset, slopes) = &leaves[leaf];
                    let vote = |&(feature, slope): &(usize, f32)| (classes + class * features + feature, slope);
                    FileNode::LinearLeaf { offset: *offset, slopes: slopes.iter().map(vote).collect() }
                }
            });
        }
        let Some(&decision) = columns.decision.get(node) else {
            return Err(block.refuse("children", format!("at most {splits} splits and a leaf more"), "others"));
        };
        let feature = columns.feature[node];
        if feature >= features {
            return Err(block.refuse("split_feature", format!("numbers below {features}"), feature.to_string()));
        }
        if decision & CATEGORICAL != 0 {
            let number = columns.threshold[node];
            let found = categories.get(number as usize).filter(|_| number >= 0.0).cloned();
            let found =
                found.ok_or_else(|| block.refuse("threshold", "the number of a category list", number.to_string()))?;
            // What is missing, negative or never seen goes right.
            let membership = Membership::of(feature, &found, false, true);
            let (member, other) = (numbered(columns.left[node]), numbered(columns.right[node]));
            return Ok(FileNode::Member { number: memberships.number(membership), member, other });
        }
        let missing = missing(decision);
        let split = FileSplit {
            feature,
            threshold: columns.threshold[node],
            missing: missing.ok_or_else(|| block.refuse("decision_type", "0 to 11", decision.to_string()))?,
            default_left: decision & DEFAULT_LEFT != 0,
            left: numbered(columns.left[node]),
            right: numbered(columns.right[node]),
        };
        split.node(memberships)
    };
    let root = 0;
    add_tree(forest, (class, root, features), || block.place.clone(), LIGHTGBM, read)
}
