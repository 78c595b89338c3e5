//! The version that a training is based on: that a warm start goes on from, or that is distilled.

use std::sync::Arc;

use super::compare::held_out;
use super::context::RunContext;
use super::learned::{Relation, are_within};
use crate::data::encoder::Encoder;
use crate::data::split::{HeldOut, Rule};
use crate::jobs::error::JobError;
use crate::jobs::record::JobRecord;
use crate::learning::members::Members;
use crate::models::{Model, Predictor, Version};

/// What a training takes over of the version that it is based on.
#[derive(Clone, Copy, Default)]
pub(super) struct TakenOver<'a> {
    pub(super) encoder: Option<&'a Encoder>,
    /// How rows are held out, where networks learn on.
    pub(super) rule: Option<&'a Rule>,
}

/// The version that a warm start goes on from, or that is distilled.
pub(super) struct Base {
    pub(super) number: u64,
    pub(super) predictor: Arc<Predictor>,
    /// Which rows its training held out, where that is known.
    pub(super) held_out: Option<HeldOut>,
    pub(super) relation: Relation,
}

impl Base {
    /// Version `number` of the job's model.
    ///
    /// # Errors
    /// Those of storage and of the registry.
    pub(super) async fn read(context: &RunContext<'_>, model: &Model, number: u64) -> Result<Self, JobError> {
        let version = context.registry.version(model, number).await?;
        let predictor = context.registry.predictor(model, &version).await?;
        let (held_out, relation) = (held_out(&version, &predictor), relation(context, &version).await?);
        Ok(Base { number, predictor, held_out, relation })
    }

    /// The rule by which its training held rows out, if so many networks can hold them out by it again.
    pub(super) fn rule(&self, networks: usize) -> Option<&Rule> {
        let HeldOut::By(rule) = self.held_out.as_ref()? else { return None };
        rule.folds().is_none_or(|folds| networks.is_multiple_of(folds)).then_some(rule)
    }
}

/// The version that a warm start goes on from: the one that was active when it began first, which is written down before
/// anything else is read, so that it stays the same however often the job begins again.
pub(super) async fn number(context: &RunContext<'_>, model: &Model) -> Result<u64, JobError> {
    let job = context.job;
    if let Some(number) = job.record.base_version.get() {
        return Ok(*number);
    }
    let number = model.active()?.number;
    let mut write = context.storage.catalog.write().await?;
    write.note_base(job.record.id, number).await?;
    write.commit().await?;
    Ok(*job.record.base_version.get_or_init(|| number))
}

/// Those networks of a version that a warm start goes on with: all but linear models beside others, which are made anew.
pub(super) fn networks(members: &Members) -> Members {
    let deep = members.list().iter().filter(|member| member.network.spec().layers.len() > 1);
    Members::new(deep.cloned().collect()).unwrap_or_else(|| members.clone())
}

/// Whether rows that a training holds out were held out by the one that it goes on from, too; one that starts anew has seen no
/// others.
pub(super) fn is_of_base(base: Option<&Base>, held_out: &HeldOut) -> bool {
    base.is_none_or(|base| are_within(base.held_out.as_ref(), base.relation, held_out))
}

/// How the rows that a version learned from and those that a training holds out belong together, by the data sets that they are of.
async fn relation(context: &RunContext<'_>, version: &Version) -> Result<Relation, JobError> {
    let (train, validation) = context.job.record.data.datasets();
    let (Some(ours), Some(theirs)) = (validation.or(train), version.facts.trained_on.dataset) else {
        return Ok(Relation::Related);
    };
    let datasets = context.datasets;
    if datasets.begins_with(ours, theirs).await? || datasets.begins_with(theirs, ours).await? {
        return Ok(Relation::Related);
    }
    // One that comes of other versions may have learned from further data sets.
    let job = match version.facts.job_id {
        Some(id) => context.storage.catalog.job(id).await?,
        None => None,
    };
    let config = job.as_ref().map(JobRecord::from_row).transpose()?.map(|record| record.config);
    let is_first = config.is_some_and(|config| !config.warm_start && config.distill.is_none());
    Ok(if is_first { Relation::Apart } else { Relation::Unknown })
}
