//! Where a job stands, and why it ended: the words of the catalog and of the wire.

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum JobState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl JobState {
    /// All states, for tables.
    pub const ALL: [JobState; 5] =
        [JobState::Queued, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];

    /// The state's word, in the catalog as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Succeeded => "succeeded",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<JobState> {
        JobState::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more will happen.
    pub fn ended(self) -> bool {
        matches!(self, JobState::Succeeded | JobState::Failed | JobState::Cancelled)
    }
}

/// The states that jobs are asked for in: all by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobStates([bool; 5]);

impl Default for JobStates {
    fn default() -> Self {
        JobStates([true; 5])
    }
}

impl JobStates {
    /// These.
    pub fn of(states: &[JobState]) -> Self {
        JobStates(JobState::ALL.map(|state| states.contains(&state)))
    }

    /// Whether that is one of them.
    pub fn has(self, state: JobState) -> bool {
        self.iter().any(|one| one == state)
    }

    /// Whether they are all that there are.
    pub fn are_all(self) -> bool {
        self == JobStates::default()
    }

    /// In the order of [`JobState::ALL`].
    pub fn iter(self) -> impl Iterator<Item = JobState> {
        JobState::ALL.into_iter().zip(self.0).filter_map(|(state, is_asked)| is_asked.then_some(state))
    }
}

/// Why a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StopReason {
    Completed,
    EarlyStopping,
    TimeLimit,
    Cancelled,
    Diverged,
    Interrupted,
    Error,
}

impl StopReason {
    /// The reason's word, as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            StopReason::Completed => "completed",
            StopReason::EarlyStopping => "early_stopping",
            StopReason::TimeLimit => "time_limit",
            StopReason::Cancelled => "cancelled",
            StopReason::Diverged => "diverged",
            StopReason::Interrupted => "interrupted",
            StopReason::Error => "error",
        }
    }
}
