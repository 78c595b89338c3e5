//! What answers: the networks of a version, and for a model by data set all that stands around them.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::ModelError;
use super::prediction::TablePredictor;
use super::table::TableParts;
use crate::learning::curves::Curves;
use crate::learning::examples::Examples;
use crate::learning::members::Members;
use crate::learning::metrics::Metrics;
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::memory::Charge;
use crate::telemetry::ModelMeter;

/// A version in memory, ready to answer: one or more networks whose outputs are averaged, and for a model by data set its
/// encoder, calibration, scores for intervals and statistics of training.
///
/// ```
/// use std::sync::Arc;
///
/// use epochd::learning::network::Network;
/// use epochd::learning::spec::{LayerSpec, ModelSpec};
/// use epochd::models::{Predictor, artifact};
/// use ndarray::arr2;
///
/// // ŷ = 2x₁ − x₂ + 0.5
/// let spec = ModelSpec { layers: [2, 1].map(LayerSpec::from).to_vec(), ..ModelSpec::default() };
/// let network = Network::with_parameters(Arc::new(spec.check()?.0), vec![2.0, -1.0, 0.5]);
/// let predictor = Predictor::from(network);
/// let rows = arr2(&[[1.0, 1.0], [3.0, 0.5]]);
/// assert_eq!(predictor.predict(rows.view()), arr2(&[[1.5], [6.0]]));
///
/// // The file of a version holds all of it.
/// let file = artifact::encode(&predictor, None);
/// let read = artifact::decode(&file)?.predictor;
/// assert_eq!(read.predict(rows.view()), predictor.predict(rows.view()));
/// # Ok::<(), epochd::models::ModelError>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    members: Members,
    table: Option<TableParts>,
    /// How good it was on the rows it was measured on; none of versions that are older than these curves.
    curves: Option<Curves>,
    /// Its share of the memory of all predictors.
    _memory: Option<Charge>,
    /// The counters of its model, where it answers for one.
    meter: Option<Arc<ModelMeter>>,
}

impl From<Network> for Predictor {
    fn from(network: Network) -> Self {
        Predictor::new(network.into(), None)
    }
}

impl Predictor {
    /// Of these networks; `table` has what goes with them in a model by data set.
    pub fn new(members: Members, table: Option<TableParts>) -> Self {
        Predictor { members, table, curves: None, _memory: None, meter: None }
    }

    /// The same with the curves of what it was measured on.
    pub fn with_curves(self, curves: impl Into<Option<Curves>>) -> Self {
        Predictor { curves: curves.into(), ..self }
    }

    /// The curves of what it was measured on; none of versions that are older than these, and of initial parameters.
    pub fn curves(&self) -> Option<&Curves> {
        self.curves.as_ref()
    }

    /// The same, which holds its share of memory for as long as it is there, and counts what it answers.
    pub(super) fn in_service(self, memory: Charge, meter: Arc<ModelMeter>) -> Self {
        Predictor { _memory: Some(memory), meter: Some(meter), ..self }
    }

    /// Counts rows that it has answered, flags of values in them, and rows that could not be read.
    pub fn count(&self, rows: usize, flags: usize, failed: usize) {
        self.meter.as_ref().inspect(|meter| meter.count(rows, flags, failed));
    }

    /// Its networks.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Its network, of several the first.
    pub fn network(&self) -> &Network {
        self.members.first()
    }

    /// Its network alone, of several the first.
    pub fn into_network(self) -> Network {
        self.members.into_first()
    }

    /// The specification of its network, of several the first: all take the same inputs and give the same outputs.
    pub fn spec(&self) -> &ValidModelSpec {
        self.network().spec()
    }

    /// What answers for a model by data set.
    ///
    /// # Errors
    /// `File`: it is of a model by layer sizes.
    pub fn table(&self) -> Result<TablePredictor<'_>, ModelError> {
        let none = || ModelError::File("it has no encoder: it is of a model by layer sizes".into());
        let parts = self.table.as_ref().ok_or_else(none)?;
        Ok(TablePredictor { members: &self.members, parts })
    }

    /// Outputs for `inputs` (rows × inputs): rows × outputs.
    ///
    /// # Panics
    /// If the input's width is not the networks': callers check it and name the row.
    pub fn predict(&self, inputs: ArrayView2<f32>) -> Array2<f32> {
        self.members.predict(inputs)
    }

    /// Loss and measures on `examples`, encoded rows with their targets.
    pub fn evaluate_unless(&self, examples: &Examples, go_on: &mut dyn FnMut() -> bool) -> Option<(f64, Metrics)> {
        self.members.evaluate_unless(examples, go_on).map(|(loss, metrics, _)| (loss, metrics))
    }
}
