//! Stored state: rows in a catalog, blobs in an object store. Knows bytes and rows, and none of what they mean.
//!
//! The two are held together by one rule. A blob is noted in the catalog's litter (orphaned blobs) before it is written, and
//! struck out by the change that refers to it; a change that gives up a blob notes it again. So whenever the process dies,
//! each blob is either referred to or listed as litter, and [`Storage::sweep`] removes what is listed.

pub mod blob_file;
pub mod blob_reader;
pub mod blobs;
mod calls;
pub mod catalog;
mod checked;
pub mod checksums;
pub mod error;
pub mod exact;
pub mod folder;
pub mod gate;
pub mod identity;
pub mod location;
mod opening;
pub mod quota;
mod remote;
pub mod scratch;
pub mod state;
pub mod tensors;

pub use blob_file::BlobFile;
pub use blob_reader::BlobReader;
pub use blobs::Blobs;
pub use calls::Calls;
pub use catalog::{Catalog, Database, Stored, Write};
pub use checksums::Checksums;
pub use error::{OpenError, StorageError};
pub use gate::Gate;
pub use location::{SecretUrl, StateLocation};
pub use quota::Quota;
pub use scratch::{ScratchFile, ScratchSpace};
pub use state::{RECEIPT_AGE, Storage};
