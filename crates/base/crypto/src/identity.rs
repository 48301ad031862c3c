//! Names of things that are the hash of what they name.

use crate::hash::hash_encoded;
use ciro_types::{JobId, JobSpec, ModelId, ModelRoots};

const MODEL_DOMAIN: &str = "ciro/model/v2";
const JOB_DOMAIN: &str = "ciro/job/v1";

/// The id of a model: its program in canonical bytes, its key and its weights decide it.
#[must_use]
pub fn model_id(program: &[u8], roots: &ModelRoots) -> ModelId {
    ModelId(hash_encoded(MODEL_DOMAIN, &(program, roots)).0)
}

/// The id of a job: the same order again is the same job.
#[must_use]
pub fn job_id(spec: &JobSpec) -> JobId {
    JobId(hash_encoded(JOB_DOMAIN, spec).0)
}
