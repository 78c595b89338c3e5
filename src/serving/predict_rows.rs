//! Predictions of a model by layer sizes: rows of numbers in, rows of numbers out.

use std::ops::Range;
use std::sync::Arc;

use futures_util::future::try_join_all;
use ndarray::{Array2, ArrayView2, s};
use prometheus::IntCounter;

use super::error::ServingError;
use super::memory::RequestMemory;
use super::threads::{blocking, cores, long_work_may_begin};
use crate::app::App;
use crate::learning::spec::ValidModelSpec;
use crate::models::Predictor;
use crate::waiting::Waiting;

/// Multiply-adds up to which a prediction is made on the spot; more leave the async threads. About 0.1 ms.
pub const ON_THE_SPOT: usize = 2_000_000;
/// Multiply-adds after which a prediction looks whether anybody still waits for it. About 1 ms.
const UNTIL_A_LOOK: usize = 20_000_000;
/// Multiply-adds that take as long as writing a number as text.
const NUMBER_COST: usize = 500;
/// Bytes of a number of a request, as text or not, with what stands between it and the next.
const LONGEST_NUMBER: usize = 32;
/// Most numbers of a reply: about 120 MB of JSON.
pub const MAX_OUTPUTS: usize = 10_000_000;
/// Memory of a number of a reply: the f32 and its text.
pub const OUTPUT_BYTES: usize = 16;

/// Whether the rows of a body of so many bytes may be predicted for, as far as its length tells how much work that is.
///
/// # Errors
/// `Busy`: it is long work, and too much of that waits.
pub fn may_begin(app: &App, network: &ValidModelSpec, bytes: usize) -> Result<(), ServingError> {
    let rows = bytes / (network.inputs() * LONGEST_NUMBER);
    let is_long = || rows.saturating_mul(network.parameter_count() + NUMBER_COST * network.outputs()) > ON_THE_SPOT;
    if rows > 0 && is_long() { long_work_may_begin(app) } else { Ok(()) }
}

/// Predicts for `inputs` (rows × inputs). `written` makes of the outputs of some rows (rows × outputs) what is answered;
/// what it made comes back in the order of the rows. Many rows are shared among all cores, in pieces that change no bit,
/// and are given up between two pieces when this future is dropped.
///
/// # Errors
/// `AnswerTooLarge`, `Overloaded`, `Busy`, `Defect`.
pub async fn predict_rows<T: Send + 'static>(
    app: &App,
    predictor: Arc<Predictor>,
    inputs: Array2<f32>,
    memory: &mut RequestMemory,
    written: impl Fn(ArrayView2<f32>) -> T + Send + Sync + 'static,
) -> Result<Vec<T>, ServingError> {
    let (rows, spec) = (inputs.nrows(), predictor.spec());
    let numbers = rows.saturating_mul(spec.outputs());
    if numbers > MAX_OUTPUTS {
        let detail = format!("{rows} rows of {} outputs; a reply holds {MAX_OUTPUTS} numbers", spec.outputs());
        return Err(ServingError::AnswerTooLarge(detail));
    }
    memory.reserve(numbers * OUTPUT_BYTES, app)?;
    let row_cost = predictor.members().parameter_count() + NUMBER_COST * spec.outputs();
    let work = rows.saturating_mul(row_cost);
    let done = app.meters.predictions.clone();
    if work <= ON_THE_SPOT {
        done.inc_by(rows as u64);
        predictor.count(rows, 0, 0);
        return Ok(vec![written(predictor.predict(inputs.view()).view())]);
    }
    long_work_may_begin(app)?;
    Box::pin(on_all_cores(app, predictor, inputs, written, row_cost, work / ON_THE_SPOT, done)).await
}

/// Shares the rows among up to `most` cores, each of which works off some of its rows after others.
async fn on_all_cores<T: Send + 'static>(
    app: &App,
    predictor: Arc<Predictor>,
    inputs: Array2<f32>,
    written: impl Fn(ArrayView2<f32>) -> T + Send + Sync + 'static,
    row_cost: usize,
    most: usize,
    done: IntCounter,
) -> Result<Vec<T>, ServingError> {
    let (rows, shard) = (inputs.nrows(), predictor.members().shard_rows());
    let step = shard * (UNTIL_A_LOOK / row_cost / shard).max(1);
    let shared = Arc::new((predictor, inputs, written));
    let waiting = Waiting::default();
    let shares = by_core(rows, shard, most).map(|share| {
        let (shared, done, waited_for) = (shared.clone(), done.clone(), waiting.seen());
        blocking(app, move || {
            let (predictor, inputs, written) = &*shared;
            let starts = share.clone().step_by(step).take_while(|_| waited_for.holds());
            let pieces = starts.map(|start| {
                let rows = start..share.end.min(start + step);
                done.inc_by(rows.len() as u64);
                predictor.count(rows.len(), 0, 0);
                written(predictor.predict(inputs.slice(s![rows, ..])).view())
            });
            pieces.collect::<Vec<T>>()
        })
    });
    Ok(try_join_all(shares).await?.into_iter().flatten().collect())
}

/// `rows` rows in up to `most` shares, one for each core: each of whole shards, so that their number changes no bit.
fn by_core(rows: usize, shard: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let share = rows.div_ceil(shard).div_ceil(cores().min(most).max(1)) * shard;
    (0..rows).step_by(share).map(move |start| start..rows.min(start + share))
}
