//! The use cases of the service without HTTP: what a request asks for is done here, whatever protocol brings it.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use epochd::app::App;
//! use epochd::config::Settings;
//! use epochd::data::json::{Rows, RowsOrNames};
//! use epochd::learning::spec::{LayerSpec, ModelSpec};
//! use epochd::learning::training::TrainingSpec;
//! use epochd::models::{ModelKind, NewModel};
//! use epochd::serving::{self, data::DataFields, memory::RequestMemory, train::TrainRequest};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let app = App::open(Settings { data_dir: folder.path().into(), ..Settings::for_tests() }).await?;
//!
//! // A line, ŷ = wx + b, learned from three of its points.
//! let (spec, initial) = ModelSpec { layers: [1, 1].map(LayerSpec::from).to_vec(), ..ModelSpec::default() }.check()?;
//! let kind = ModelKind::Layers(Arc::new(spec));
//! let new = NewModel { name: Some("line".into()), kind, initial, metadata: BTreeMap::new(), owner: None };
//! let model = app.models.create(new, |_| None).await?;
//! let rows = |values: &[f32]| Rows::of_flat(values.to_vec(), 1);
//! let (inputs, targets) = (Some(rows(&[0.0, 1.0, 2.0])), Some(RowsOrNames::Rows(rows(&[1.0, 3.0, 5.0]))));
//! let request = TrainRequest {
//!     data: DataFields { inputs, targets, ..DataFields::default() },
//!     validation: None,
//!     settings: TrainingSpec { epochs: Some(500), learning_rate: Some(0.1), ..TrainingSpec::default() },
//! };
//! let job = serving::train(&app, &model, request, RequestMemory::default(), "example".into(), |_| None).await?;
//! app.jobs.get(&job.id.to_string()).await?.over().await;
//!
//! let model = app.models.get("line").await?;
//! let version = serving::active(&app, &model).await?;
//! let predictor = app.models.predictor(&model, version).await?;
//! let (ten, mut memory) = (ndarray::arr2(&[[10.0]]), RequestMemory::default());
//! let outputs = serving::predict_rows(&app, predictor, ten, &mut memory, |outputs| outputs[[0, 0]]).await?;
//! assert!((outputs[0] - 21.0).abs() < 0.1, "{outputs:?}");
//! app.close().await;
//! # Ok(())
//! # }
//! ```

pub mod active;
pub mod answered_rows;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod extras;
pub mod feedback;
pub mod file_rows;
pub mod given_ids;
mod known_rows;
pub mod memory;
pub mod plots;
pub mod predict_file;
pub mod predict_records;
pub mod predict_rows;
pub mod read_as;
pub mod readiness;
pub mod sight;
pub mod table_version;
pub mod threads;
pub mod trace;
pub mod train;
pub mod train_file;
pub mod weights;

pub use active::active;
pub use error::ServingError;
pub use evaluate::evaluate;
pub use predict_records::predict_records;
pub use predict_rows::{may_begin, predict_rows};
pub use train::train;
pub use train_file::{may_train_file, train_file};
