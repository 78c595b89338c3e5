//! epochd trains neural networks and serves their predictions over HTTP.
pub mod learning;
