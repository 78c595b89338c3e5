//! The jobs of the queue in memory: those that wait, in their order, and those that run.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use crate::jobs::job::Job;
use crate::jobs::report::JobReport;
use crate::memory::{Charge, Share};

/// The jobs that have not ended.
#[derive(Default)]
pub(super) struct OpenJobs {
    /// Those that wait, in the order of their identifiers, and those that run.
    by_id: BTreeMap<Uuid, Arc<Job>>,
    waiting: VecDeque<Arc<Job>>,
    /// By model: at most one each.
    running: HashMap<Uuid, Arc<Job>>,
    /// Jobs that are being written down and will wait next.
    reserved: usize,
    /// Jobs whose rows cannot be read: the log has told of them.
    unreadable: HashSet<Uuid>,
    stopping: bool,
}

impl OpenJobs {
    /// The open job with this identifier.
    pub(super) fn get(&self, id: Uuid) -> Option<&Arc<Job>> {
        self.by_id.get(&id)
    }

    /// Open jobs older than `before`, newest first.
    pub(super) fn before(&self, before: Option<Uuid>) -> impl Iterator<Item = &Arc<Job>> {
        self.by_id.range(..before.unwrap_or(Uuid::max())).rev().map(|(_, job)| job)
    }

    /// How many jobs wait, and how many run.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.waiting.len(), self.running.len())
    }

    /// What is charged for the settings of open jobs, in bytes.
    pub(super) fn held(&self) -> u64 {
        self.by_id.values().map(|job| job.held()).sum()
    }

    /// How many jobs wait or are about to.
    pub(super) fn waiting_or_reserved(&self) -> usize {
        self.waiting.len() + self.reserved
    }

    /// Counts a job that is about to wait.
    pub(super) fn reserve(&mut self) {
        self.reserved += 1;
    }

    /// Takes a job off the count of those that are about to wait.
    pub(super) fn unreserve(&mut self) {
        self.reserved -= 1;
    }

    /// Whether no more jobs are taken or started.
    pub(super) fn stopping(&self) -> bool {
        self.stopping
    }

    /// Notes that the row of a job cannot be read; false if that was known.
    pub(super) fn note_unreadable(&mut self, id: Uuid) -> bool {
        self.unreadable.insert(id)
    }

    /// Lets a job wait, behind those that came before it; suspends it if no more are taken.
    pub(super) fn add(&mut self, job: Arc<Job>) {
        if self.stopping {
            return job.progress.suspend();
        }
        self.by_id.insert(job.record.id, job.clone());
        self.put_back(job);
    }

    /// Takes a job out of those that wait, so that it does not start; false if it does not wait.
    pub(super) fn withhold(&mut self, id: Uuid) -> bool {
        let position = self.waiting.iter().position(|waiting| waiting.record.id == id);
        position.inspect(|position| drop(self.waiting.remove(*position))).is_some()
    }

    /// Puts a job that was withheld back where it was: they wait in the order of their identifiers.
    pub(super) fn put_back(&mut self, job: Arc<Job>) {
        let position = self.waiting.partition_point(|waiting| waiting.record.id < job.record.id);
        self.waiting.insert(position, job);
    }

    /// Lets a job run that is the first of those whose model is idle, if it is one of at most `concurrent` and `memory` has
    /// room for it, which it then holds. One that is alone runs whatever it takes.
    pub(super) fn start_next(&mut self, concurrent: usize, memory: &Share) -> Option<(Arc<Job>, Charge)> {
        if self.running.len() >= concurrent || self.stopping {
            return None;
        }
        let next = self.waiting.iter().position(|job| !self.running.contains_key(&job.record.model_id))?;
        let (bytes, charge) = (self.waiting[next].record.bytes as u64, memory.charge(None));
        if charge.grow(bytes).is_err() {
            if !self.running.is_empty() {
                return None;
            }
            charge.settle(bytes);
        }
        let job = self.waiting.remove(next)?;
        self.running.insert(job.record.model_id, job.clone());
        Some((job, charge))
    }

    /// The thread of a job leaves it; it stays open.
    pub(super) fn leave(&mut self, job: &Job) {
        self.running.remove(&job.record.model_id);
    }

    /// A job has ended, and the catalog says so.
    pub(super) fn end(&mut self, job: &Job, report: JobReport) {
        self.by_id.remove(&job.record.id);
        job.progress.end(report);
    }

    /// Takes and starts no more jobs, and suspends those that wait; returns those that run.
    pub(super) fn stop(&mut self) -> Vec<Arc<Job>> {
        self.stopping = true;
        self.waiting.drain(..).for_each(|job| job.progress.suspend());
        self.running.values().cloned().collect()
    }
}
