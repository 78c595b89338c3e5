//! Backpropagation of one row, taken apart, by a version of a model.

use super::data::DataFields;
use super::error::{ServingError, Wrong};
use super::memory::RequestMemory;
use super::threads::{blocking, long_work_may_begin};
use crate::app::App;
use crate::learning::trace::{Trace, trace as traced};
use crate::models::{Model, ModelKind, Version};

/// Parameters of a network that is traced, at most: all of them are told, and each is moved to check its gradient.
pub const MOST_PARAMETERS: usize = 10_000;
/// Memory of a parameter in a trace and in the text of its reply.
const PARAMETER_BYTES: usize = 128;

/// The passes of a version of `model` over one row, with its target.
///
/// # Errors
/// `Field`: the model is none by layer sizes, its network is too large, or the row does not go with it; `Overloaded`; what the
/// version cannot be read for.
pub async fn trace(
    app: &App,
    model: &Model,
    version: &Version,
    row: DataFields,
    memory: &mut RequestMemory,
) -> Result<Trace, ServingError> {
    let spec = match &model.kind {
        // A file may bring the network of a table without its encoder.
        ModelKind::Layers(spec) if !spec.has_front() => spec,
        _ => {
            let detail =
                "a trace is of a model by layer sizes: what one by a data set sees is what its encoder makes of a row";
            return Err(ServingError::whole(Wrong::Kind, detail));
        }
    };
    let parameters = spec.parameter_count();
    if parameters > MOST_PARAMETERS {
        let detail = format!("the network has {parameters} parameters: those of up to {MOST_PARAMETERS} are traced");
        return Err(ServingError::whole(Wrong::Value, detail));
    }
    long_work_may_begin(app)?;
    let examples = row.examples(app, memory, spec, "").await?.fit(spec, "")?;
    if examples.rows() != 1 {
        let detail = format!("there are {} rows: a trace is of one", examples.rows());
        return Err(ServingError::at(Wrong::Shape, "/inputs", detail));
    }
    memory.reserve(parameters * PARAMETER_BYTES, app)?;
    let predictor = app.models.predictor(model, version).await?;
    let trace = move || {
        let mut targets = vec![0.0; predictor.spec().outputs()];
        examples.targets().write(0, &mut targets);
        traced(predictor.network(), examples.input_rows(0, 1), &targets)
    };
    blocking(app, trace).await
}
