//! How models do in service: whether what they are asked has moved from what they were trained on (drift), and how their
//! predictions came true (feedback).
//!
//! Predictions are counted in memory ([`drift`]) and written down every some seconds. Outcomes are told by ids that hold the
//! prediction themselves ([`prediction_id`]), so that nothing is kept of a prediction; of outcomes, sums ([`sums`]).

pub mod drift;
pub mod feedback;
mod followed;
pub mod gauges;
pub mod prediction_id;
pub mod sums;

pub use drift::DriftRegistry;
pub use feedback::FeedbackRegistry;
pub use prediction_id::IdSigner;
