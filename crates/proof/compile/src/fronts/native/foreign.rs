//! Files that people take for a model and that are none to read.
//!
//! Each is told by its content, and answered with the lines that export what it holds. For example, a pickle is answered with
//! `joblib.load` and `ciro.compile`.

use crate::terms::native::{NativeError, UNKNOWN};

/// What a file is, and how its contents are exported.
struct Foreign {
    what: &'static str,
    way_out: &'static str,
}

const PICKLE: Foreign = Foreign {
    what: "a pickle or joblib file, which only the Python that wrote it can read",
    way_out: "load it there and pass what it holds:\n\
              import ciro, joblib\n\
              model = joblib.load(\"FILE\")\n\
              ciro.compile(model, samples=x).save(\"FOLDER\")  # for `ciro prove FOLDER`",
};
const ZIPPED: Foreign = Foreign {
    what: "a compressed file, as joblib writes them",
    way_out: "load it where it was written and pass what it holds:\n\
              import ciro, joblib\n\
              model = joblib.load(\"FILE\")\n\
              ciro.compile(model, samples=x).save(\"FOLDER\")  # for `ciro prove FOLDER`",
};
const CATBOOST: Foreign = Foreign {
    what: "CatBoost's own format",
    way_out: "export it as ONNX, which CatBoost does for models without categorical features:\n\
              from catboost import CatBoost\n\
              model = CatBoost().load_model(\"FILE\")\n\
              model.save_model(\"model.onnx\", format=\"onnx\")",
};
const CATBOOST_JSON: Foreign = Foreign {
    what: "CatBoost's JSON",
    way_out: "export it as ONNX, which CatBoost does for models without categorical features:\n\
              from catboost import CatBoost\n\
              model = CatBoost().load_model(\"FILE\", format=\"json\")\n\
              model.save_model(\"model.onnx\", format=\"onnx\")",
};
const TORCH: Foreign = Foreign {
    what: "a file of torch.save or torch.export, whose network lies in Python's code",
    way_out: "load it there and export it with an example input x:\n\
              import torch\n\
              model = torch.load(\"FILE\", weights_only=False).eval()  # of a state_dict: Net().load_state_dict(...)\n\
              torch.onnx.export(model, (x,), \"model.onnx\")",
};
const TORCHSCRIPT: Foreign = Foreign {
    what: "a file of TorchScript",
    way_out: "export it with an example input x:\n\
              import torch\n\
              model = torch.jit.load(\"FILE\").eval()\n\
              torch.onnx.export(model, (x,), \"model.onnx\", dynamo=False)",
};
const SAFETENSORS: Foreign = Foreign {
    what: "safetensors, which hold weights and no network",
    way_out: "put them into the network and export that with an example input x:\n\
              import torch; from safetensors.torch import load_file\n\
              model.load_state_dict(load_file(\"FILE\"))\n\
              torch.onnx.export(model.eval(), (x,), \"model.onnx\")",
};
const KERAS: Foreign = Foreign {
    what: "a file of Keras",
    way_out: "export it as ONNX:\n\
              import keras\n\
              model = keras.models.load_model(\"FILE\")\n\
              model.export(\"model.onnx\", format=\"onnx\")",
};
const SAVED_MODEL: Foreign = Foreign {
    what: "TensorFlow's SavedModel",
    way_out: "convert its folder to ONNX:\n\
              pip install tf2onnx\n\
              python -m tf2onnx.convert --saved-model FOLDER --output model.onnx\n\
              ciro compile model.onnx --calibration SAMPLES",
};
const TFLITE: Foreign = Foreign {
    what: "TensorFlow Lite",
    way_out: "convert it to ONNX:\n\
              pip install tf2onnx\n\
              python -m tf2onnx.convert --tflite FILE --output model.onnx\n\
              ciro compile model.onnx --calibration SAMPLES",
};
const SKOPS: Foreign = Foreign {
    what: "a file of skops",
    way_out: "load it and pass what it holds:\n\
              import ciro, skops.io\n\
              model = skops.io.load(\"FILE\", trusted=skops.io.get_untrusted_types(file=\"FILE\"))\n\
              ciro.compile(model, samples=x).save(\"FOLDER\")  # for `ciro prove FOLDER`",
};
const GGUF: Foreign = Foreign {
    what: "GGUF, which holds a language model's weights and no network",
    way_out: "export the network that it was made from with an example input x:\n\
              import torch; from transformers import AutoModelForCausalLM\n\
              model = AutoModelForCausalLM.from_pretrained(\"NAME\").eval()\n\
              torch.onnx.export(model, (x,), \"model.onnx\")",
};
const PMML: Foreign = Foreign {
    what: "XML, as PMML is",
    way_out: "export the estimator that it was made from:\n\
              import ciro\n\
              model = ciro.compile(estimator, samples=x)\n\
              model.save(\"FOLDER\")  # for `ciro prove FOLDER`",
};
const ARRAYS: Foreign = Foreign {
    what: "an archive of NumPy's arrays, which are samples",
    way_out: "name the model file first and the samples after it: ciro compile MODEL --calibration FILE",
};

/// What a file is that no reader here reads; `None` if it may be a model.
pub(super) fn recognise(bytes: &[u8]) -> Option<NativeError> {
    let Foreign { what, way_out } = kind(bytes)?;
    Some(UNKNOWN.unsupported(what, way_out))
}

fn kind(bytes: &[u8]) -> Option<Foreign> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes {
        // Protocol 2 to 5. Pickles end in a full stop.
        [0x80, 2..=5, .., b'.'] => Some(PICKLE),
        [0x78, second, ..] if (0x7800 + u16::from(*second)).is_multiple_of(31) => Some(ZIPPED),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => Some(TFLITE),
        // Version 1 of its schema, and a graph: no ONNX file is of so old a version of its own.
        [8, 1, 0x12, ..] => Some(SAVED_MODEL),
        _ if starts(b"\x1f\x8b") || starts(b"BZh") || starts(b"\xfd7zXZ\0") || starts(b"\x04\x22\x4d\x18") => {
            Some(ZIPPED)
        }
        _ if starts(b"CBM1") => Some(CATBOOST),
        _ if starts(b"PK\x03\x04") => archive(bytes),
        _ if starts(b"\x89HDF\r\n\x1a\n") => Some(KERAS),
        _ if starts(b"GGUF") => Some(GGUF),
        _ if text.starts_with(b"<?xml") || text.starts_with(b"<PMML") => Some(PMML),
        _ if is_safetensors(bytes) => Some(SAFETENSORS),
        _ if is_catboost_json(text) => Some(CATBOOST_JSON),
        _ => None,
    }
}

/// An archive by the names of its files.
fn archive(bytes: &[u8]) -> Option<Foreign> {
    let zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).ok()?;
    let names: Vec<String> = zip.file_names().filter_map(Result::ok).map(|name| name.to_string()).collect();
    let ends = |end: &str| names.iter().any(|name| name.ends_with(end));
    match () {
        () if ends("constants.pkl") => Some(TORCHSCRIPT),
        () if ends("data.pkl") || ends("archive_format") || ends("serialized_exported_program.json") => Some(TORCH),
        () if ends("model.weights.h5") => Some(KERAS),
        () if ends("schema.json") => Some(SKOPS),
        () if ends(".npy") => Some(ARRAYS),
        () => None,
    }
}

/// The length of a header, and a JSON object that is the header.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    length > 1 && length <= rest.len() as u64 && rest.starts_with(b"{")
}

fn is_catboost_json(text: &[u8]) -> bool {
    let head = &text[..text.len().min(1 << 16)];
    let has = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    text.starts_with(b"{") && (has(b"\"oblivious_trees\"") || has(b"\"catboost_version_info\""))
}
