//! Models, data sets and jobs: each row read as the service reads it, with the blobs that it refers to.

use uuid::Uuid;

use super::{Check, Fault};
use crate::datasets::Dataset;
use crate::jobs::{self, JobReport};
use crate::models::{Model, Version};
use crate::storage::StorageError;
use crate::storage::catalog::JobRow;

impl Check<'_> {
    /// A row that was found, or none: with what was said about one that cannot be read.
    fn row<T>(&mut self, what: &str, read: Result<Option<T>, StorageError>) -> Result<Option<T>, StorageError> {
        self.outcome.rows += 1;
        self.reading(what);
        match read {
            Err(error @ StorageError::Damaged { .. }) => {
                self.found(Fault::Unreadable, what, error, None);
                Ok(None)
            }
            read => read,
        }
    }

    /// The identifier of a row.
    fn id(&mut self, what: &str, id: &str) -> Option<Uuid> {
        let parsed = Uuid::try_parse(id);
        parsed.inspect_err(|error| self.found(Fault::Unreadable, what, error, None)).ok()
    }

    pub(super) async fn dataset(&mut self, id: &str) -> Result<(), StorageError> {
        let what = format!("data set {id}");
        let Some(id) = self.id(&what, id) else { return Ok(()) };
        let row = self.storage.catalog.dataset(id).await;
        let Some(row) = self.row(&what, row)? else { return Ok(()) };
        self.known.insert(row.blob.clone());
        let blob = row.blob.clone();
        match Dataset::from_row(row) {
            Ok(dataset) => self.columns(&what, &dataset, &blob).await,
            Err(error) => {
                self.found(Fault::Unreadable, what, error, None);
                Ok(())
            }
        }
    }

    pub(super) async fn model(&mut self, id: &str) -> Result<(), StorageError> {
        let what = format!("model {id}");
        let Some(uuid) = self.id(&what, id) else { return Ok(()) };
        let row = self.storage.catalog.model(uuid).await;
        let Some(row) = self.row(&what, row)? else { return Ok(()) };
        let (active, initial) = (row.active_version, row.initial_blob.clone());
        let model = Model::from_row(row, None);
        if let Err(error) = &model {
            self.found(Fault::Unreadable, &what, error, None);
        }
        if let Some(blob) = initial {
            self.version_file(&blob, &format!("initial parameters of {what}"), None).await?;
        }
        let numbers = self.storage.catalog.version_numbers(id).await?;
        for number in &numbers {
            self.version(uuid, model.as_ref().ok(), *number).await?;
        }
        if let Some(active) = active.filter(|active| !numbers.contains(&(*active as i64))) {
            self.found(
                Fault::Missing,
                &what,
                format!("its active version {active} has no row: activate another"),
                None,
            );
        }
        self.in_service(uuid).await?;
        for (alias, version) in self.storage.catalog.alias_names(uuid).await? {
            if !numbers.contains(&(version as i64)) {
                let detail =
                    format!("its alias {alias:?} names version {version}, which has no row: delete it, or set it anew");
                self.found(Fault::Missing, &what, detail, None);
            }
        }
        Ok(())
    }

    async fn version(&mut self, model_id: Uuid, model: Option<&Model>, number: i64) -> Result<(), StorageError> {
        let what = format!("version {number} of model {model_id}");
        let row = self.storage.catalog.version(model_id, number.unsigned_abs()).await;
        let Some(row) = self.row(&what, row)? else { return Ok(()) };
        let blob = row.blob.clone();
        match Version::from_row(row) {
            Ok(version) => {
                let network = model.and_then(|model| model.network_of(&version));
                self.version_file(&blob, &what, network).await
            }
            Err(error) => {
                self.known.insert(blob);
                self.found(Fault::Unreadable, what, error, None);
                Ok(())
            }
        }
    }

    pub(super) async fn job(&mut self, id: &str) -> Result<(), StorageError> {
        let what = format!("job {id}");
        let Some(id) = self.id(&what, id) else { return Ok(()) };
        let row = self.storage.catalog.job(id).await;
        let Some(row) = self.row(&what, row)? else { return Ok(()) };
        if row.outcome.is_none() {
            self.known.extend(jobs::blobs(id, Some(row.rows_blob.clone())));
            // The file of an end that was not written down: the job's next one takes its place.
            self.known.insert(jobs::history_blob(id));
            return self.open_job(&what, &row).await;
        }
        self.known.extend(jobs::blobs(id, None));
        match JobReport::from_row(row) {
            Ok(report) => self.history(&what, &report).await,
            Err(error) => {
                self.found(Fault::Unreadable, what, error, None);
                Ok(())
            }
        }
    }

    /// A job that waits for the next start: one whose data are gone would fail then, and is ended so now.
    async fn open_job(&mut self, what: &str, row: &JobRow) -> Result<(), StorageError> {
        let lost = match (&row.dataset_id, row.rows_blob.as_str()) {
            (None, blob) => self.rows_file(what, blob).await?,
            (Some(train), _) => self.lost_dataset(*train, row.validation_dataset_id).await?,
        };
        if let Some(lost) = lost {
            let ended = self.repair && jobs::end_lost(&self.storage, row, &lost).await.is_ok();
            self.found(Fault::Missing, what, lost, ended.then_some("ended as failed"));
        }
        self.checkpoint(what, row.id).await
    }

    async fn lost_dataset(&self, train: Uuid, validation: Option<Uuid>) -> Result<Option<String>, StorageError> {
        for id in [Some(train), validation].into_iter().flatten() {
            if matches!(self.storage.catalog.dataset(id).await, Ok(None)) {
                return Ok(Some(format!("its data set {id} is gone")));
            }
        }
        Ok(None)
    }
}
