//! Where the stored form goes.

use std::fs::File;
use std::io::{self, Seek, Write};

/// A file or buffer that the stored form is written to, from its start.
pub trait Output: Write + Send {
    /// Forgets what was written.
    ///
    /// # Errors
    /// It cannot.
    fn restart(&mut self) -> io::Result<()>;
}

impl Output for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

impl Output for File {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.set_len(0)
    }
}
