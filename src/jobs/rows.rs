//! The rows of a training as a file, kept until the job has ended.

use ndarray::Array2;
use serde_json::Value;

use super::training::Training;
use crate::learning::examples::{Examples, Targets};
use crate::learning::spec::ValidModelSpec;
use crate::learning::training::ValidTrainingSpec;
use crate::storage::tensors::{Tensor, TensorFile, TensorValues, Unreadable, write};

/// What the file's header says: its form, from 1.
const HEADER: &str = "{\"format\":1}";
const TRAIN: &str = "train";
const VALIDATION: &str = "validation";

/// The file of a training's rows.
pub fn encode(training: &Training) -> Vec<u8> {
    let validation = training.validation.as_ref().map(|examples| tensors(VALIDATION, examples));
    let all: Vec<_> = tensors(TRAIN, &training.train).into_iter().chain(validation.into_iter().flatten()).collect();
    write(HEADER, &all)
}

fn tensors<'a>(set: &str, examples: &'a Examples) -> Vec<(String, Tensor<'a>)> {
    let flat = |matrix: &'a Array2<f32>| Tensor {
        shape: matrix.shape().to_vec(),
        values: TensorValues::F32(matrix.as_slice().expect("row-major examples")),
    };
    let targets = match examples.targets() {
        Targets::Values(values) => flat(values),
        Targets::Classes(classes) => Tensor { shape: vec![classes.len()], values: TensorValues::U32(classes) },
    };
    let list = |values: &'a [f32]| Tensor { shape: vec![values.len()], values: TensorValues::F32(values) };
    let of_rows = examples.weights().given().map(|weights| (format!("{set}.row_weights"), list(weights)));
    let of_loss = examples.own_loss_weights().map(|weights| (format!("{set}.weights"), list(weights)));
    let always = [(format!("{set}.inputs"), flat(examples.inputs())), (format!("{set}.targets"), targets)];
    always.into_iter().chain(of_rows).chain(of_loss).collect()
}

/// The training of a file that [`encode`] made, for `model`.
///
/// # Errors
/// The file is damaged, or does not fit the model.
pub fn decode(bytes: &[u8], settings: ValidTrainingSpec, model: &ValidModelSpec) -> Result<Training, Unreadable> {
    let file = TensorFile::read(bytes)?;
    let header: Value = serde_json::from_str(file.header()).map_err(|error| Unreadable(error.to_string()))?;
    if header["format"] != 1 {
        return Err(Unreadable(format!("its form is {}; this release reads form 1", header["format"])));
    }
    let train = examples(&file, TRAIN, model)?.ok_or_else(|| Unreadable("it has no training rows".into()))?;
    let validation = examples(&file, VALIDATION, model)?;
    Ok(Training { settings, train, validation, folds: Vec::new() })
}

fn examples(file: &TensorFile, set: &str, model: &ValidModelSpec) -> Result<Option<Examples>, Unreadable> {
    let name = |part: &str| format!("{set}.{part}");
    let Some(shape) = file.shape(&name("inputs")) else { return Ok(None) };
    let rows = shape.first().copied().filter(|rows| *rows > 0);
    let rows = rows.ok_or_else(|| Unreadable(format!("its {set} inputs have no rows")))?;
    let matrix = |part: &str, columns: usize| {
        let values = file.f32s(&name(part), &[rows, columns])?;
        Ok(Array2::from_shape_vec((rows, columns), values).expect("the shape was checked"))
    };
    let inputs = matrix("inputs", model.inputs())?;
    let targets = match file.shape(&name("targets")) {
        Some(shape) if shape.len() == 1 => {
            let classes = file.u32s(&name("targets"), &[rows])?;
            if classes.iter().any(|class| *class as usize >= model.outputs()) {
                return Err(Unreadable(format!("a class of its {set} targets is not one of the model's")));
            }
            Targets::Classes(classes)
        }
        _ => Targets::Values(matrix("targets", model.outputs())?),
    };
    let weights = |part: &str| match file.shape(&name(part)) {
        None => Ok(None),
        Some(_) => file.f32s(&name(part), &[rows]).map(Some),
    };
    let (mut examples, of_rows, of_loss) =
        (Examples::new(inputs, targets), weights("row_weights")?, weights("weights")?);
    if let Some(weights) = of_rows {
        examples = examples.with_weights(weights);
    }
    if let Some(weights) = of_loss {
        examples = examples.with_loss_weights(weights);
    }
    Ok(Some(examples))
}
