//! Several samples in one execution.
//!
//! A program of batch N is N independent runs of the same operators on N samples, with one identity and one proof. Its
//! tensors hold the samples one after the other. Inputs, outputs and every value in between have one more dimension,
//! of N, before those of a sample. Constants do not. A batch of one is the plain program, without that dimension.

use crate::program::{Program, element_count};
use crate::tensor::{RawInput, RawOutput, RawTensor};
use alloc::vec::Vec;

/// Most samples of a batch.
pub const MAX_BATCH: u32 = 1 << 16;

impl Program {
    /// The program that runs `batch` samples at once.
    #[must_use]
    pub fn batched(self, batch: u32) -> Self {
        Self { batch, ..self }
    }

    /// The dimensions of a tensor of the whole batch, by those of one sample.
    #[must_use]
    pub fn batch_shape(&self, shape: &[u32]) -> Vec<u32> {
        let lead = (self.batch != 1).then_some(self.batch);
        lead.into_iter().chain(shape.iter().copied()).collect()
    }

    /// The input of the whole batch, from those of its samples. `None` if they are not as many as the batch has, or differ in form.
    #[must_use]
    pub fn join(&self, samples: &[RawInput]) -> Option<RawInput> {
        let first = samples.first()?;
        let alike = |a: &RawInput| a.0.iter().map(|t| &t.shape).eq(first.0.iter().map(|t| &t.shape));
        if u32::try_from(samples.len()).ok() != Some(self.batch) || !samples.iter().all(alike) {
            return None;
        }
        let joined = |(k, tensor): (usize, &RawTensor)| {
            let parts = samples.iter().filter_map(|sample| sample.0.get(k));
            RawTensor {
                shape: self.batch_shape(&tensor.shape),
                bits: parts.flat_map(|t| t.bits.iter().copied()).collect(),
            }
        };
        Some(RawInput(first.0.iter().enumerate().map(joined).collect()))
    }

    /// The input of one sample, as a plain program takes it. `None` if the batch does not have that sample, or `raw` is not of this
    /// program's form.
    #[must_use]
    pub fn input_of(&self, raw: &RawInput, sample: u32) -> Option<RawInput> {
        let of = |(input, tensor): (&crate::program::Input, &RawTensor)| {
            let words = u32::try_from(input.words()).ok()?;
            let bits = part(&tensor.bits, element_count(&input.shape).checked_mul(words)?, sample, self.batch)?;
            Some(RawTensor { shape: input.shape.clone(), bits })
        };
        let tensors: Option<Vec<RawTensor>> = self.inputs.iter().zip(&raw.0).map(of).collect();
        tensors.filter(|tensors| tensors.len() == self.inputs.len()).map(RawInput)
    }

    /// The output of one sample, as a plain program gives it. `None` as for [`Program::input_of`].
    #[must_use]
    pub fn output_of(&self, raw: &RawOutput, sample: u32) -> Option<RawOutput> {
        let of = |(output, values): (&crate::program::Output, &Vec<i64>)| {
            part(values, element_count(&output.shape), sample, self.batch)
        };
        let values: Option<Vec<Vec<i64>>> = self.outputs.iter().zip(&raw.0).map(of).collect();
        values.filter(|values| values.len() == self.outputs.len()).map(RawOutput)
    }
}

/// The elements of one sample.
fn part<T: Copy>(all: &[T], len: u32, sample: u32, batch: u32) -> Option<Vec<T>> {
    let (len, sample) = (usize::try_from(len).ok()?, usize::try_from(sample).ok()?);
    if len.checked_mul(usize::try_from(batch).ok()?) != Some(all.len()) {
        return None;
    }
    all.chunks_exact(len.max(1)).nth(sample).map(<[T]>::to_vec)
}
