//! Constants beside the model file: exporters write large ones to a file of their own.

use super::proto::{ModelProto, TensorProto};
use crate::fronts::onnx::MAX_ONNX_BYTES;
use crate::terms::error::CompileError;
use prost::Message;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// The model with all constants inside, also those that lie in files of `folder`. It is unchanged if no constant does, or if it is no
/// ONNX.
///
/// # Errors
/// [`CompileError::Initializer`] for a constant whose file is missing, too short, or not in the folder.
pub fn with_external_data(bytes: Vec<u8>, folder: &Path) -> Result<Vec<u8>, CompileError> {
    let is_external = |tensor: &TensorProto| tensor.data_location == Some(1);
    let Ok(mut model) = ModelProto::decode(bytes.as_slice()) else { return Ok(bytes) };
    let Some(graph) = model.graph.as_mut().filter(|graph| graph.initializer.iter().any(is_external)) else {
        return Ok(bytes);
    };
    let mut left = MAX_ONNX_BYTES;
    for tensor in graph.initializer.iter_mut().filter(|tensor| is_external(tensor)) {
        let data = read(tensor, folder, left)
            .map_err(|reason| CompileError::Initializer { tensor: tensor.name.clone().unwrap_or_default(), reason })?;
        left = left.saturating_sub(data.len());
        (tensor.raw_data, tensor.data_location) = (Some(data), None);
    }
    Ok(model.encode_to_vec())
}

fn read(tensor: &TensorProto, folder: &Path, left: usize) -> Result<Vec<u8>, String> {
    let entry = |key: &str| {
        let found = tensor.external_data.iter().find(|entry| entry.key.as_deref() == Some(key));
        found.and_then(|entry| entry.value.as_deref())
    };
    let number = |key: &str| {
        let text = entry(key);
        text.map(|text| text.parse::<u64>().map_err(|_| format!("expected a number for its {key}, got {text:?}")))
            .transpose()
    };
    let location = entry("location").ok_or("expected the name of the file that its data lie in, got none")?;
    let inside = Path::new(location).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside {
        return Err(format!("expected its data in the folder of the model, got {location:?}"));
    }
    let path = folder.join(location);
    let failed = |error: std::io::Error| format!("its data in {} cannot be read: {error}", path.display());
    // A folder on the way may be a link as well.
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = here.canonicalize().map_err(failed)?.join(location);
    if path.canonicalize().map_err(failed)? != real {
        return Err(format!(
            "expected its data in the folder of the model, got a link from {location:?}; put a copy in its place"
        ));
    }
    let mut file = crate::terms::files::open(&path).map_err(failed)?;
    file.seek(SeekFrom::Start(number("offset")?.unwrap_or(0))).map_err(failed)?;
    let most = number("length")?.unwrap_or(left as u64);
    if most > left as u64 {
        return Err(format!("expected at most {left} bytes of data, got {most}"));
    }
    let mut data = Vec::new();
    file.take(most).read_to_end(&mut data).map_err(failed)?;
    Ok(data)
}
