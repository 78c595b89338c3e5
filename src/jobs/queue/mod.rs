//! The queue: jobs wait in the order they came and run on threads of their own, one of a model at a time.
//!
//! The catalog's rows are the truth of all jobs; the queue holds those that are open, so that they can be run and woken.
//! A job is in the catalog before it is here, and its end is in the catalog before it leaves.

mod cancellation;
mod job_queue;
mod merged;
mod open_jobs;
mod reservation;
mod scheduler;
mod submission;
mod taking_up;

pub use job_queue::{JobFilter, JobQueue};
pub use scheduler::QueueLimits;
pub use submission::{FirstTraining, NewTraining};
