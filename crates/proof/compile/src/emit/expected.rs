//! Answers, matched with the outputs that they are of.

use super::deviation::Watched;
use crate::terms::answers::{Answer, Given};
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;
use crate::terms::samples::Samples;

/// What is expected of an output on one sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    Numbers(Vec<f64>),
    /// The number of a class. A label that the model does not have is the number of classes.
    Class(f64),
}

impl Answer {
    /// The answers to each output, those of the sample file included.
    ///
    /// # Errors
    /// [`CompileError::Answers`] for answers to another number of samples, or that no output has.
    pub(crate) fn by_output(
        answers: &[Self],
        samples: &Samples,
        outputs: &[Watched],
    ) -> Result<Vec<Option<Self>>, CompileError> {
        let mut found = vec![None; outputs.len()];
        for answer in answers {
            let refuse = |expected: String, got: String| {
                Err(CompileError::Answers { output: answer.output.clone(), expected, got })
            };
            if answer.values.samples() != samples.inputs.len() {
                let (expected, got) = (samples.inputs.len(), answer.values.samples());
                return refuse(format!("answers to {expected} samples"), format!("{got}"));
            }
            match answer.place(outputs) {
                Some(i) => found[i] = Some(answer.clone()),
                None => {
                    let fits = |o: &Watched| format!("{} of {:?}", o.len, o.name);
                    let all = outputs.iter().map(fits).collect::<Vec<_>>().join(", ");
                    return refuse(format!("as many numbers as an output ({all})"), answer.described());
                }
            }
        }
        if let (Some(expected), Some(last)) = (&samples.expected, found.last_mut())
            && last.is_none()
            && outputs.last().is_some_and(|output| output.len == expected.width)
        {
            let values = expected.values.iter().map(|&v| f64::from(v)).collect();
            *last = Some(Self { output: "y".into(), values: Given::Numbers { width: expected.width, values } });
        }
        Ok(found)
    }

    fn described(&self) -> String {
        match &self.values {
            Given::Numbers { width, .. } => format!("{width} per sample"),
            Given::Texts(_) => "texts".into(),
        }
    }

    /// Which output these are answers to.
    fn place(&self, outputs: &[Watched]) -> Option<usize> {
        let text = matches!(self.values, Given::Texts(_));
        let fits = |output: &Watched| match &output.labels {
            Some(_) => self.values.width() == output.len,
            None => !text && (self.values.width() == output.len || self.is_pair(output) || self.is_second(output)),
        };
        let named = outputs.iter().position(|output| output.name == self.output);
        let label = || outputs.iter().rposition(|output| output.labels.is_some());
        let numbers = || outputs.iter().rposition(|output| output.labels.is_none());
        let place = match named {
            Some(i) => Some(i),
            None if text || self.output == "label" => label(),
            None if ["y", "out", ""].contains(&self.output.as_str()) => numbers().or_else(label),
            None => None,
        };
        place.filter(|&i| fits(&outputs[i]))
    }

    /// Whether one side has the probabilities of both classes and the other that of the second one.
    const fn is_pair(&self, output: &Watched) -> bool {
        matches!((self.values.width(), output.len), (2, 1))
    }

    /// Whether these are the numbers of the second class alone, and the output has those of both.
    const fn is_second(&self, output: &Watched) -> bool {
        matches!((self.values.width(), output.len), (1, 2))
    }

    /// What is expected of the output on a sample: of its last numbers, where the answers are fewer.
    pub(crate) fn row(&self, sample: usize, output: &Watched) -> Option<Row> {
        match (&self.values, &output.labels) {
            (Given::Texts(texts), Some(labels)) => Some(Row::Class(class_of(labels, texts.get(sample)?))),
            (Given::Texts(_), None) => None,
            (Given::Numbers { width, values }, Some(labels)) => {
                let value = values.chunks_exact((*width).max(1)).nth(sample)?.first()?;
                Some(Row::Class(class_of(labels, &value.to_string())))
            }
            (Given::Numbers { width, values }, None) => {
                let row = values.chunks_exact((*width).max(1)).nth(sample)?;
                Some(Row::Numbers(if self.is_pair(output) { row[1..].to_vec() } else { row.to_vec() }))
            }
        }
    }
}

/// The number of a label as it is printed; the number of labels if it is none of them.
fn class_of(labels: &Labels, text: &str) -> f64 {
    let found = match labels {
        Labels::Ints(labels) => {
            let is_text = |label: &i64| (*label as f64).to_string() == text;
            labels.iter().position(is_text)
        }
        // As numbers they are 0 and 1; as Python's texts they are capitalised.
        Labels::Bools(labels) => {
            let is_text =
                |label: &bool| text == if *label { "1" } else { "0" } || text.eq_ignore_ascii_case(&label.to_string());
            labels.iter().position(is_text)
        }
        Labels::Texts(labels) => labels.iter().position(|label| label == text),
    };
    found.unwrap_or(labels.len()) as f64
}
