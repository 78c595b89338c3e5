//! The commands of the binary.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do instead of starting the service.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Start the service, as without a command
    Serve,
    /// Ask a running service at --listen whether it is ready; exit status 0 if so. For container health checks
    Healthcheck,
    /// Write all state of --data-dir into one file, while the service runs or not
    Backup {
        /// The file to write; it must not exist
        file: PathBuf,
    },
    /// Make the folder --data-dir from a backup; it must be empty or not exist
    Restore {
        /// A file that `epochd backup` wrote
        file: PathBuf,
    },
    /// Read all state of a service that is stopped, and list what is missing, damaged, unverified or left over; exit
    /// status 0 if there is nothing of that. A folder without state is refused. As at a start, the catalog gets this
    /// release's form
    Check {
        /// Mend what can be mended: give data sets of earlier releases checksums, end jobs whose rows are lost, note files
        /// that nothing refers to for deletion. Each change is listed
        #[arg(long)]
        repair: bool,
    },
}
