//! What is done with models, versions, data sets, jobs and keys, as the command line says it.

use std::path::PathBuf;

use clap::Subcommand;

use super::number::number;
use super::reading::Reading;

/// The number of a version that gets a name.
fn number_behind_alias(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "the number of a version is expected, behind the name it gets: MODEL ALIAS VERSION")
}

/// What to do with models.
#[derive(Clone, Debug, Subcommand)]
pub enum Things {
    /// List them
    List,
    /// Show one
    Show {
        /// By name or id
        name: String,
    },
    /// Delete one, with all that is of it
    Delete {
        /// By name or id
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// What to do with versions.
#[derive(Clone, Debug, Subcommand)]
pub enum Versions {
    /// List them with their measures
    List {
        /// The model, by name or id
        model: String,
    },
    /// Show one, with its measures beside the baselines
    Show {
        /// The model, by name or id
        model: String,
        /// By number or alias
        version: String,
    },
    /// Set the measures of some side by side; of two, with how they differ
    Compare {
        /// The model, by name or id
        model: String,
        /// By number or alias [default: all]
        versions: Vec<String>,
        /// Measure them anew on the rows of this data set, so that all are measured on the same
        #[arg(long, value_name = "DATASET")]
        dataset: Option<String>,
    },
    /// Have one serve from now on
    Activate {
        /// The model, by name or id
        model: String,
        /// By number or alias
        version: String,
    },
    /// Give one a name, which may be another's so far
    Alias {
        /// The model, by name or id
        model: String,
        /// Such as canary
        alias: String,
        /// By number
        #[arg(value_parser = number_behind_alias)]
        version: u64,
    },
    /// Take a name away
    Unalias {
        /// The model, by name or id
        model: String,
        /// Such as canary
        alias: String,
    },
    /// Delete one
    Delete {
        /// The model, by name or id
        model: String,
        /// By number
        version: u64,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// What to do with data sets.
#[derive(Clone, Debug, Subcommand)]
pub enum Datasets {
    /// List them
    List,
    /// Show the columns of one, and what is to be said of them
    Show {
        /// By name or id
        name: String,
    },
    /// Store a data file
    Upload {
        /// The file; - for standard input
        file: PathBuf,
        /// Name of the data set [default: that of the file]
        #[arg(long)]
        name: Option<String>,
        /// How the file is read
        #[command(flatten)]
        reading: Reading,
    },
    /// Make a new data set of one and the rows of a file; it takes the name over
    Append {
        /// By name or id
        dataset: String,
        /// The file; - for standard input
        file: PathBuf,
        /// Content type of the file [default: by its ending; text/csv for standard input]
        #[arg(long, value_name = "TYPE")]
        content_type: Option<String>,
    },
    /// Delete one
    Delete {
        /// By name or id
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// What to do with trainings.
#[derive(Clone, Debug, Subcommand)]
pub enum Jobs {
    /// List them
    List {
        /// Those of this model alone, by name or id
        #[arg(long)]
        model: Option<String>,
        /// Those in this state alone: queued, running, succeeded, failed or cancelled
        #[arg(long)]
        state: Option<String>,
    },
    /// Show one
    Show {
        /// Its id
        job: String,
    },
    /// End one that is queued or running
    Cancel {
        /// Its id
        job: String,
        /// Publish the epochs done so far as a version
        #[arg(long)]
        keep: bool,
    },
    /// Delete one that has ended, with its history
    Delete {
        /// Its id
        job: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

impl Jobs {
    /// All of them.
    pub const ALL: Jobs = Jobs::List { model: None, state: None };
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum Keys {
    /// List them
    List,
    /// Make one; its secret is shown this once
    Create {
        /// Its name
        name: String,
        /// What it may do: predict, train or admin
        #[arg(long, value_name = "ROLE", default_value = "predict")]
        role: String,
        /// Models that it sees, such as 'flowers*'; may be repeated [default: all]
        #[arg(long, value_name = "PATTERN")]
        models: Vec<String>,
        /// When it ends, such as 2027-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// Requests a second that it may make
        #[arg(long, value_name = "N", value_parser = number)]
        requests_per_second: Option<f64>,
        /// Bytes that it may store
        #[arg(long, value_name = "N")]
        stored_bytes: Option<u64>,
    },
    /// Revoke one at once
    Revoke {
        /// Its id
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
