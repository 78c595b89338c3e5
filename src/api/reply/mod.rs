//! Replies: in which form, how long they may be, and what they hold until they are sent.

pub mod answers;
mod answers_arrow;
mod answers_csv;
pub mod answers_json;
pub mod document;
pub mod findings;
pub mod held;
pub mod json;
pub mod long;
pub mod model;
pub mod page;
pub mod pieces;
