//! Data from outside: bytes to rows and matrices, and the choice of rows. Pure: no I/O, no HTTP.

pub mod column;
pub mod profile;
pub mod rows;
pub mod split;
