//! What a check finds.

use std::fmt;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A row refers to it, and it is not there.
    Missing,
    /// It is not what was written.
    Damaged,
    /// It can be read, and nothing tells whether it is what was written.
    Unverified,
    /// Nothing refers to it.
    Orphaned,
    /// A row that cannot be read.
    Unreadable,
    /// Catalog and blobs of two states.
    Strangers,
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// With what: a blob's key, a row, a file.
    pub subject: String,
    /// How that shows, and whose it is.
    pub detail: String,
    /// What was done about it.
    pub mended: Option<&'static str>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Fault::Missing => "missing",
            Fault::Damaged => "damaged",
            Fault::Unverified => "unverified",
            Fault::Orphaned => "orphaned",
            Fault::Unreadable => "unreadable",
            Fault::Strangers => "strangers",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Finding { fault, subject, detail, mended } = self;
        write!(f, "{fault}: {subject}: {detail}")?;
        mended.map_or(Ok(()), |mended| write!(f, " [{mended}]"))
    }
}
