//! The client commands and what they take.

mod common;
mod nouns;
mod number;
mod reading;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;

pub use self::common::{ClientTls, Common};
pub use self::nouns::{Datasets, Jobs, Keys, Things, Versions};
use self::number::number;
pub use self::reading::Reading;

/// Ask a running epochd: train, predict, compare, look
#[derive(Clone, Debug, Parser)]
#[command(name = "epochd", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Client {
    /// What all commands take
    #[command(flatten)]
    pub common: Common,
    /// What to do
    #[command(subcommand)]
    pub command: ClientCommand,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum ClientCommand {
    /// Train on a data file: stores it, makes a model for --target, and shows the loss until it is trained
    ///
    /// With --model instead of --target a model that is there gets a new version, from a new file or, without one, from the
    /// data set it has. Ctrl-C leaves the training running: `epochd watch` goes on showing it.
    Train(Box<Train>),
    /// Predict for the rows of a file, or of standard input, with a model
    Predict(Predict),
    /// Measure a model on a data file with outcomes, or on a stored data set
    Evaluate(Evaluate),
    /// The models: list (default), show, delete
    Models {
        /// What to do with them
        #[command(subcommand)]
        what: Option<Things>,
    },
    /// The versions of a model: list (default), show, compare, activate, name or delete them
    #[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Versions {
        /// The model whose versions are listed, by name or id
        model: Option<String>,
        /// What to do with them
        #[command(subcommand)]
        what: Option<Versions>,
    },
    /// The data sets: list (default), show, upload, append, delete
    Datasets {
        /// What to do with them
        #[command(subcommand)]
        what: Option<Datasets>,
    },
    /// The trainings: list (default), show, cancel, delete
    Jobs {
        /// What to do with them
        #[command(subcommand)]
        what: Option<Jobs>,
    },
    /// Show a training until it ends
    Watch {
        /// Its id
        job: String,
    },
    /// Write a version of a model to a file
    Export {
        /// The model, by name or id
        model: String,
        /// The version, by number or alias [default: the one that serves]
        #[arg(long, default_value = "active", hide_default_value = true)]
        version: String,
        /// The file to write, which ends in .safetensors [default: MODEL.safetensors; - for standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Make a model of a file that `export` wrote
    Import {
        /// The file
        file: PathBuf,
        /// Name of the model [default: that of the file]
        #[arg(long)]
        name: Option<String>,
    },
    /// The keys of the service: list (default), create, revoke
    Keys {
        /// What to do with them
        #[command(subcommand)]
        what: Option<Keys>,
    },
    /// Print a script that completes these commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `epochd train`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["target", "model"]))]
pub struct Train {
    /// The data file: CSV, TSV, JSON, NDJSON, Parquet, Arrow or Excel, also packed (.gz); - for standard input
    #[arg(required_unless_present = "model")]
    pub file: Option<PathBuf>,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// Name of the new model [default: that of the file]
    #[arg(long, conflicts_with = "model")]
    pub name: Option<String>,
    /// Train a new version of this model
    #[arg(long)]
    pub model: Option<String>,
    /// What the target is [default: what its values say]
    #[arg(long, value_name = "classification|regression", conflicts_with = "model")]
    pub task: Option<String>,
    /// What the model is and how it is trained: standard; plain, several times as fast; best, which takes 300 s or --max-seconds
    /// [default: standard]
    #[arg(long, value_parser = ["plain", "standard", "best"], conflicts_with = "model")]
    pub recipe: Option<String>,
    /// Sizes of the hidden layers, such as 64,32
    #[arg(long, value_name = "SIZES", conflicts_with = "model")]
    pub hidden_layers: Option<String>,
    /// Passes over the rows
    #[arg(long, value_name = "N")]
    pub epochs: Option<u64>,
    /// End the training after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = number)]
    pub max_seconds: Option<f64>,
    /// Seed of all that is drawn
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Share of the rows that are held out
    #[arg(long, value_name = "SHARE", value_parser = number)]
    pub validation_split: Option<f64>,
    /// How rows are held out: auto, random, order, time:COLUMN or group:COLUMN
    #[arg(long)]
    pub split: Option<String>,
    /// Column with the weights of the rows
    #[arg(long, value_name = "COLUMN")]
    pub weights: Option<String>,
    /// balanced: classes weigh the same, however many rows they have
    #[arg(long, value_name = "balanced")]
    pub class_weight: Option<String>,
    /// Whether the new version serves: always, never, or if_better than the one that does
    #[arg(long, value_name = "WHEN")]
    pub activate: Option<String>,
    /// Networks that learn side by side and answer together [default: the recipe's]
    #[arg(long, value_name = "N")]
    pub members: Option<u64>,
    /// Networks with drawn settings that are tried, of which the best answer together [default: the recipe's]
    #[arg(long, value_name = "N")]
    pub candidates: Option<u64>,
    /// The scale that numbers are learned in: auto, identity or log1p [default: the recipe's]
    #[arg(long, value_name = "SCALE")]
    pub target_scale: Option<String>,
    /// Parts of the recipe to do without, with commas between: waves, bins, scale, ntk, linear_model
    #[arg(long, value_name = "PARTS", conflicts_with = "model")]
    pub without: Option<String>,
    /// What of a number is answered: mse (its mean), mae (its median), huber, poisson (the mean of counts) or quantile
    #[arg(long, value_name = "LOSS", conflicts_with = "model")]
    pub loss: Option<String>,
    /// Of --loss quantile, which one, such as 0.9 [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = number, requires = "loss")]
    pub quantile: Option<f64>,
    /// Make one network of this version of --model, which answers faster
    #[arg(long, value_name = "VERSION", requires = "model")]
    pub distill: Option<u64>,
    /// Start the training and do not wait for its end
    #[arg(short, long)]
    pub detach: bool,
    /// How the file is read
    #[command(flatten)]
    pub reading: Reading,
}

/// `epochd predict`.
#[derive(Clone, Debug, Args)]
pub struct Predict {
    /// The model, by name or id
    pub model: String,
    /// The rows: CSV, JSON, NDJSON, Parquet, Arrow or Excel, also packed (.gz) [default: standard input]
    pub file: Option<PathBuf>,
    /// The version, by number or alias [default: the one that serves]
    #[arg(long)]
    pub version: Option<String>,
    /// Where the predictions go [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Form of the predictions, a content type [default: by the ending of --output, .csv, .json, .arrow or .arrows; else
    /// text/csv, or JSON for rows of JSON]
    #[arg(long, value_name = "TYPE")]
    pub accept: Option<String>,
    /// Bounds that hold this share of outcomes, such as 0.9, beside each value
    #[arg(long, value_name = "SHARE", value_parser = number)]
    pub interval: Option<f64>,
    /// A column with what is unusual about each row
    #[arg(long)]
    pub flags: bool,
    /// Columns that the model does not know: refuse or ignore
    #[arg(long, value_name = "refuse|ignore")]
    pub unknown: Option<String>,
    /// A column of the rows that is repeated in the predictions; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub passthrough: Vec<String>,
    /// A row that cannot be read: refuse all, or give that row an error
    #[arg(long, value_name = "refuse|row")]
    pub on_error: Option<String>,
    /// An id for each row, by which its outcome can be told later
    #[arg(long)]
    pub ids: bool,
    /// Content type of the rows [default: by the file's ending; text/csv for standard input]
    #[arg(long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// Sheet of an Excel workbook [default: the first with cells]
    #[arg(long)]
    pub sheet: Option<String>,
}

/// `epochd evaluate`.
#[derive(Clone, Debug, Args)]
pub struct Evaluate {
    /// The model, by name or id
    pub model: String,
    /// Rows with outcomes; - for standard input
    #[arg(required_unless_present = "dataset", conflicts_with = "dataset")]
    pub file: Option<PathBuf>,
    /// A stored data set in place of a file
    #[arg(long)]
    pub dataset: Option<String>,
    /// The version, by number or alias [default: the one that serves]
    #[arg(long)]
    pub version: Option<String>,
    /// How the file is read, where not as the version's rows were.
    #[command(flatten)]
    pub reading: Reading,
}
