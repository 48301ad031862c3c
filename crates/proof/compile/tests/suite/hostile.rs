//! Foreign bytes never make the compiler or the loaders panic.

use crate::support::{bundled, fixtures, read};
use ciro_compile::samples::{Port, parse};
use ciro_compile::{Options, compile_model};
use ciro_graph::check_model;
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

static MODELS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let file = |dir: std::path::PathBuf, name: &str| read(&dir.join(format!("{name}.onnx")));
    let native = |name: &str| read(&fixtures().join(Path::new("native").join(name)));
    vec![
        native("xgb_softmax.json"),
        native("xgb_forest.ubj"),
        native("lgb_ova.txt"),
        native("lgb_multiclass.json"),
        file(bundled(), "A_logreg_bc"),
        file(bundled(), "A_logreg_bc_ml"),
        file(bundled(), "B_dtree_bc_ml"),
        file(bundled(), "B_dtree_bc"),
        file(fixtures(), "isolation_forest_bc"),
        file(fixtures(), "imputed_boosting_missing_bc"),
        file(fixtures(), "scaled_logreg_wine"),
        file(fixtures(), "normalized_logreg_iris"),
        file(fixtures(), "scaled_mlp_wine"),
        file(fixtures(), "scaled_tree_bc"),
    ]
});

static SAMPLES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    vec![
        ("npz", read(&bundled().join("A2_linreg_diabetes.npz"))),
        ("json", read(&bundled().join("A2_linreg_diabetes.input.json"))),
        ("csv", b"a,b,c,d,e,f,g,h,i,j\n1,2,3,4,5,6,7,8,9,10\n".to_vec()),
        (
            "npy",
            b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }          \n\0\0\0\0"
                .to_vec(),
        ),
    ]
});

fn mutated(bytes: &[u8], edits: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (index, byte) in edits {
        let at = index.index(bytes.len());
        bytes[at] = *byte;
    }
    if let Some(cut) = cut {
        let at = cut.index(bytes.len());
        bytes.truncate(at);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn mutated_models_compile_well_formed_or_not_at_all(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let bytes = mutated(&MODELS[which.index(MODELS.len())], &edits, cut);
        if let Ok(compiled) = compile_model(&bytes, &Options::default()) {
            prop_assert_eq!(check_model(&compiled.model), Ok(()));
        }
    }

    #[test]
    fn mutated_sample_files_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let (format, bytes) = which.get(SAMPLES.as_slice());
        let ports = [Port { name: "input".into(), shape: vec![1, 10], double: false, columns: vec![] }];
        if let Ok(samples) = parse(format, &mutated(bytes, &edits, cut), &ports) {
            prop_assert!(!samples.inputs.is_empty());
            prop_assert!(samples.inputs.iter().all(|input| input.0.len() == 1 && input.0[0].bits.len() == 10));
        }
    }
}
