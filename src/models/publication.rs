//! New versions: the file written first, then the row that refers to it, then what is in memory.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::memory::predictor_bytes;
use super::stored::spec_to_json;
use super::version::VersionFacts;
use super::{Model, ModelError, ModelRegistry, Predictor};
use crate::identifier::new_id;
use crate::storage::catalog::VersionRow;
use crate::storage::{Checksums, Write, exact};

/// Whether a new version is to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// From the moment it is there.
    Always,
    /// Not before it is activated.
    Never,
    /// In place of this version, or of none: if that is still the active one.
    InPlaceOf(Option<u64>),
}

/// A version whose file is written and that no row refers to yet.
#[derive(Clone, Debug)]
pub struct VersionDraft {
    blob: String,
    checksums: Checksums,
    /// Of a model by data set: the specification of its network.
    network: Option<String>,
    facts: VersionFacts,
}

impl VersionDraft {
    /// What its file takes.
    pub fn bytes(&self) -> u64 {
        self.checksums.bytes()
    }

    /// The version that `predictor` answers for, with its file of these checksums at `blob`.
    pub(super) fn new(blob: String, checksums: Checksums, predictor: &Predictor, facts: VersionFacts) -> Self {
        let network = predictor.table().is_ok().then(|| spec_to_json(predictor.spec()).to_string());
        VersionDraft { blob, checksums, network, facts }
    }

    /// What the version was measured to be, as JSON.
    pub fn metrics(&self) -> &Arc<RawValue> {
        &self.facts.metrics
    }
}

impl ModelRegistry {
    /// Writes the file of a version that `predictor` answers for, under a key that no other draft has: a later try never touches
    /// what an earlier one may have published.
    ///
    /// # Errors
    /// `TooLarge`: it could never be loaded; `Storage`: a later try may succeed.
    pub async fn draft(
        &self,
        predictor: &Predictor,
        file: Bytes,
        facts: VersionFacts,
    ) -> Result<VersionDraft, ModelError> {
        let (blob, checksums) = (version_blob(new_id()), Checksums::of(&file));
        self.memory().check(predictor_bytes(predictor.spec(), checksums.bytes()))?;
        self.storage().put_noted(&blob, file).await?;
        Ok(VersionDraft::new(blob, checksums, predictor, facts))
    }

    /// Deletes the file of a draft, unless it was published.
    pub async fn discard(&self, draft: &VersionDraft) {
        self.storage().discard(std::slice::from_ref(&draft.blob)).await;
    }

    /// Makes a draft, as a part of `write`, the next version of the model, which is to serve as `serving` says. Returns its number,
    /// and whether it is the active version from now on.
    ///
    /// # Errors
    /// `NotFound` if the model is gone, `Storage`.
    pub async fn publish(
        &self,
        write: &mut Write,
        id: Uuid,
        draft: &VersionDraft,
        serving: Serving,
    ) -> Result<(u64, bool), ModelError> {
        let number = write.next_version(id).await?.ok_or_else(|| ModelError::NotFound(id.to_string()))?;
        let trained_on = &draft.facts.trained_on;
        let row = VersionRow {
            model_id: id,
            number,
            blob: draft.blob.clone(),
            job_id: draft.facts.job_id,
            created_at: draft.facts.created_at,
            epochs: draft.facts.epochs,
            loss: draft.facts.loss,
            validation_loss: draft.facts.validation_loss,
            metrics: draft.facts.metrics.get().to_owned(),
            network: draft.network.clone(),
            file_bytes: Some(draft.checksums.bytes()),
            dataset_id: trained_on.dataset,
            rows: trained_on.rows,
            features: trained_on.features.as_ref().map(exact::to_text),
            classes: trained_on.classes.as_ref().map(exact::to_text),
            held_out: trained_on.held_out.as_ref().map(exact::to_text),
            warnings: Some(&draft.facts.warnings).filter(|told| !told.is_empty()).map(exact::to_text),
            settings: draft.facts.settings.as_deref().map(exact::to_text),
        };
        write.add_version(&row).await?;
        write.put_checksums(&draft.blob, &draft.checksums).await?;
        let serves = match serving {
            Serving::Always => true,
            Serving::Never => false,
            // The row is locked by the change of its next version: nobody activates another until this one is over.
            Serving::InPlaceOf(active) => write.model(id).await?.is_some_and(|model| model.active_version == active),
        };
        if serves {
            write.activate(id, number, draft.facts.created_at).await?;
        }
        write.strike_litter(&draft.blob).await?;
        Ok((number, serves))
    }

    /// Lets everyone see what [`ModelRegistry::publish`] made version `number` of `model`, once its change is committed. The predictor
    /// stays in memory if there is room.
    pub fn published(&self, model: &Model, number: u64, draft: &VersionDraft, predictor: Predictor) {
        let (id, meter) = (model.id, self.meters().of(model.id, || model.title()));
        let bytes = predictor_bytes(predictor.spec(), draft.checksums.bytes());
        if let Ok(memory) = self.memory().reserve(bytes, self.entries()) {
            self.entries().put_predictor(id, number, Arc::new(predictor.in_service(memory, meter)), bytes);
        }
        self.entries().changed(id);
    }
}

pub(super) fn version_blob(id: Uuid) -> String {
    format!("versions/{id}.safetensors")
}
