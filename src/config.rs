//! Settings: a flag, over an `EPOCHD_…` variable of the environment, over a default. Checked once, at start.

mod browsers;
mod checks;
mod choices;
mod command;
mod environment;
mod secrets;
mod tls;
mod traces;
mod urls;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use tracing_subscriber::filter::LevelFilter;

pub use self::browsers::Browsers;
pub use self::choices::{LogFormat, MetricsAuth};
pub use self::command::Command;
pub use self::secrets::SecretText;
use self::secrets::exit_with;
pub use self::tls::TlsFiles;
pub use self::traces::TraceSettings;
use crate::memory;
use crate::processors;
use crate::storage::{SecretUrl, StateLocation};

pub use self::webhook::{WebhookSecret, WebhookSettings};

/// epochd trains neural networks and serves their predictions over HTTP.
///
/// Without a command it starts the service. Every setting is a flag or a variable of the environment; a flag wins.
#[derive(Clone, Debug, Parser)]
#[command(name = "epochd", version, max_term_width = 100)]
pub struct Settings {
    /// What to do instead of starting the service
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Address and port to listen on; port 0 picks a free one, which the log names
    #[arg(long, env = "EPOCHD_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", global = true)]
    pub listen: SocketAddr,

    /// Listen on addresses other than loopback although no keys protect the service: anyone who reaches the port may
    /// train, predict and delete
    #[arg(long, env = "EPOCHD_ALLOW_ANONYMOUS")]
    pub allow_anonymous: bool,

    /// About browsers
    #[command(flatten)]
    pub browsers: Browsers,

    /// Certificates
    #[command(flatten)]
    pub tls: TlsFiles,

    /// Keys, as admin:SECRET,predict:SECRET; roles are admin, train and predict. Once there is a key, nobody is served
    /// without one. A secret on the command line is seen by all users of the machine: set the variable, or name a file
    #[arg(long, env = "EPOCHD_API_KEYS", value_name = "ROLE:SECRET,…", hide_env_values = true)]
    pub api_keys: Option<SecretText>,

    /// File of keys, ROLE:SECRET one a line, with # before comments; read again when it changes
    #[arg(long, env = "EPOCHD_API_KEYS_FILE", value_name = "FILE")]
    pub api_keys_file: Option<PathBuf>,

    /// Who may read /metrics once there are keys
    #[arg(long, env = "EPOCHD_METRICS_AUTH", value_name = "WHO", default_value = "any")]
    pub metrics_auth: MetricsAuth,

    /// Folder of the service's state, made if missing and held by one process at a time
    #[arg(long, env = "EPOCHD_DATA_DIR", value_name = "DIR", default_value = "epochd-data", global = true)]
    pub data_dir: PathBuf,

    /// PostgreSQL database for models, versions and jobs, such as postgres://user:password@host/database [default: a
    /// SQLite file in the data folder]
    #[arg(long, env = "EPOCHD_DATABASE_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub database_url: Option<SecretUrl>,

    /// Object store for version files, rows and checkpoints: s3://bucket/folder, gs://… or az://…, with credentials
    /// and endpoint in the variables that the store's own tools take, AWS_ACCESS_KEY_ID and so on [default: files in
    /// the data folder]
    #[arg(long, env = "EPOCHD_BLOB_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub blob_url: Option<SecretUrl>,

    /// Seconds that a call on the database or the object store may take, with a second more for each MiB that it moves;
    /// then the request is answered with 503
    #[arg(
        long,
        env = "EPOCHD_STORAGE_TIMEOUT",
        value_name = "SECONDS",
        default_value = "15",
        value_parser = seconds,
        global = true
    )]
    pub storage_timeout: Duration,

    /// Trainings that run at once [default: number of cores]
    #[arg(long, env = "EPOCHD_CONCURRENT_JOBS", value_name = "N", value_parser = at_least_one)]
    pub concurrent_jobs: Option<usize>,

    /// Threads of all running trainings together; each of them gets an equal share, at least one thread. They let the threads
    /// that answer requests go first [default: number of cores]
    #[arg(long, env = "EPOCHD_TRAINING_THREADS", value_name = "N", value_parser = at_least_one)]
    pub training_threads: Option<usize>,

    /// Trainings that may wait; more are refused with 429
    #[arg(long, env = "EPOCHD_QUEUE_CAPACITY", value_name = "N", default_value = "256", value_parser = at_least_one)]
    pub queue_capacity: usize,

    /// Ended jobs that are remembered, with their histories; older ones are removed [default: all]
    #[arg(long, env = "EPOCHD_KEEP_JOBS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_jobs: Option<u64>,

    /// Bytes that may be stored in all: data sets, version files, histories; what would be more is refused with 507
    #[arg(long, env = "EPOCHD_MAX_STORED_BYTES", value_name = "SIZE", default_value = "1TiB")]
    pub max_stored_bytes: ByteSize,

    /// Objects that may be stored in all: data sets, models, versions and jobs; more are refused with 507
    #[arg(long, env = "EPOCHD_MAX_STORED_OBJECTS", value_name = "N", default_value = "1000000")]
    pub max_stored_objects: u64,

    /// Least seconds between two checkpoints of a running training; what comes after the last one is trained again
    /// after a crash
    #[arg(
        long,
        env = "EPOCHD_CHECKPOINT_INTERVAL",
        value_name = "SECONDS",
        default_value = "5",
        value_parser = seconds
    )]
    pub checkpoint_interval: Duration,

    /// Largest request body other than a data file [default: 256MiB, or as much as one client may hold of
    /// --request-memory if that is less]
    #[arg(long, env = "EPOCHD_MAX_BODY", value_name = "SIZE")]
    pub max_body: Option<ByteSize>,

    /// Largest data file, as it is sent and unpacked: data files are streamed to the disk
    #[arg(long, env = "EPOCHD_MAX_UPLOAD", value_name = "SIZE", default_value = "16GiB")]
    pub max_upload: ByteSize,

    /// Memory of the whole process; 128 MiB of it are for the service itself, the rest is shared out to requests,
    /// trainings and models [default: 80 % of what the container or the machine has]
    #[arg(long, env = "EPOCHD_MEMORY", value_name = "SIZE")]
    pub memory: Option<ByteSize>,

    /// Memory for what requests send, what is made of it, and replies until they are sent; more are refused with 429
    /// [default: a quarter of that rest]
    #[arg(long, env = "EPOCHD_REQUEST_MEMORY", value_name = "SIZE")]
    pub request_memory: Option<ByteSize>,

    /// Memory for all running trainings together; those that need more than is free wait [default: half of the rest
    /// that --memory shares out]
    #[arg(long, env = "EPOCHD_TRAINING_MEMORY", value_name = "SIZE")]
    pub training_memory: Option<ByteSize>,

    /// Memory for the parameters of models in use: they are read on first use, and those used least recently dropped
    /// [default: a quarter of that rest]
    #[arg(long, env = "EPOCHD_MODEL_MEMORY", value_name = "SIZE")]
    pub model_memory: Option<ByteSize>,

    /// Space in the data folder for data files on their way in and for long replies; more are refused with 507
    /// [default: half of what the disk has free]
    #[arg(long, env = "EPOCHD_SCRATCH_SPACE", value_name = "SIZE")]
    pub scratch_space: Option<ByteSize>,

    /// Connections, and further streams of HTTP/2, at once; when all are taken, those whose clients do nothing make room, then those that
    /// wait for a job or follow it, and where none does, more are refused with 429 [default: 2048, or as many as the limit on open files leaves room for]
    #[arg(long, env = "EPOCHD_MAX_CONNECTIONS", value_name = "N", value_parser = at_least_one)]
    pub max_connections: Option<usize>,

    /// Connections at once of one address (of a /64 network in IPv6); more are refused with 429. Behind a proxy all come
    /// from one [default: no limit of its own]
    #[arg(long, env = "EPOCHD_CONNECTIONS_PER_ADDRESS", value_name = "N", value_parser = at_least_one)]
    pub connections_per_address: Option<usize>,

    /// Seconds that a client may pause while it sends a body
    #[arg(long, env = "EPOCHD_BODY_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub body_timeout: Duration,

    /// Seconds that a client may take nothing of a reply that waits to be sent
    #[arg(long, env = "EPOCHD_REPLY_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub reply_timeout: Duration,

    /// Bytes a second that a client sends of a body, and takes of a reply, at least, once it has lost the time of
    /// --body-timeout or --reply-timeout in pauses
    #[arg(long, env = "EPOCHD_MIN_RATE", value_name = "SIZE", default_value = "1KiB")]
    pub min_rate: ByteSize,

    /// Seconds from a whole request to the head of its reply, after which it is given up with 408. Data files, rows as CSV
    /// or Arrow, and `wait` do not count
    #[arg(long, env = "EPOCHD_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub request_timeout: Duration,

    /// Seconds that the head of a request may take from its first byte on
    #[arg(long, env = "EPOCHD_HEAD_TIMEOUT", value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub head_timeout: Duration,

    /// Seconds that a connection is kept open between two requests
    #[arg(long, env = "EPOCHD_IDLE_TIMEOUT", value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub idle_timeout: Duration,

    /// Seconds from SIGTERM or Ctrl-C to the end of the process: open requests are given that time to finish, and jobs to
    /// write a checkpoint
    #[arg(long, env = "EPOCHD_SHUTDOWN_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub shutdown_timeout: Duration,

    /// End when standard input does, as on SIGTERM: for a program that starts the service for itself
    #[arg(long, env = "EPOCHD_END_WITH_STDIN")]
    pub end_with_stdin: bool,

    /// Who is told of the ends of jobs.
    #[command(flatten)]
    pub webhook: WebhookSettings,

    /// Who is sent spans.
    #[command(flatten)]
    pub traces: TraceSettings,

    /// Form of the log, which goes to standard error
    #[arg(long, env = "EPOCHD_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug, trace, or a tracing filter such as `epochd=debug`
    #[arg(long, env = "EPOCHD_LOG_LEVEL", value_name = "LEVEL", default_value = "info", value_parser = log_filter)]
    pub log_level: String,
}

impl Settings {
    /// Settings of this process, by what its command line was parsed to. Prints help or an error and exits where clap would.
    pub fn from_process(parsed: Result<ArgMatches, clap::Error>) -> Self {
        let parsed = parsed.and_then(|matches| Settings::from_arg_matches(&matches));
        let settings = parsed.unwrap_or_else(|error| exit_with(&error));
        let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        if let Err(message) = environment::check(&Settings::command(), variables) {
            exit_with(&Settings::command().error(clap::error::ErrorKind::UnknownArgument, message));
        }
        if let Err(message) = settings.check() {
            exit_with(&Settings::command().error(clap::error::ErrorKind::ValueValidation, message));
        }
        settings
    }

    /// The defaults, listening on a free loopback port.
    pub fn for_tests() -> Self {
        Settings::parse_from(["epochd", "--listen", "127.0.0.1:0"])
    }

    /// How the memory is shared out.
    ///
    /// # Errors
    /// The shares that were asked for are more than there is.
    pub fn memory_plan(&self) -> Result<memory::Plan, String> {
        memory::Plan::new(memory::Wanted {
            total: self.memory,
            requests: self.request_memory,
            trainings: self.training_memory,
            models: self.model_memory,
        })
    }

    /// Where state is kept.
    pub fn location(&self) -> StateLocation {
        let (database_url, blob_url) = (self.database_url.clone(), self.blob_url.clone());
        let scratch_limit = self.scratch_space.map(|space| space.as_u64());
        StateLocation {
            folder: self.data_dir.clone(),
            database_url,
            blob_url,
            scratch_limit,
            timeout: self.storage_timeout,
        }
    }

    /// Trainings that run at once.
    pub fn concurrent_jobs(&self) -> usize {
        self.concurrent_jobs.unwrap_or_else(processors::available)
    }

    /// Threads of all running trainings together.
    pub fn training_threads(&self) -> usize {
        self.training_threads.unwrap_or_else(processors::available)
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse::<usize>().ok().filter(|n| *n >= 1).ok_or_else(|| "a whole number of at least 1 is expected".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "a number of seconds above 0 is expected".into())
}

fn log_filter(text: &str) -> Result<String, String> {
    // A word alone is a level, or the target that a library logs by: a level that is misspelt would silence the log.
    let is_target = |word: &str| word.contains('=') || word.starts_with("epochd");
    let is_known = |word: &str| is_target(word) || !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if let Some(word) = text.split(',').map(str::trim).find(|word| !is_known(word)) {
        return Err(format!(
            "{word:?} is no level: error, warn, info, debug or trace, or a filter such as `epochd=debug`"
        ));
    }
    tracing_subscriber::EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_misspelt_is_refused() {
        for text in
            ["info", "WARN", "off", "epochd=debug", "warn,epochd::audit=info", "epochd::audit", "warn,hyper=off"]
        {
            assert_eq!(log_filter(text), Ok(text.to_owned()));
        }
        for text in ["warning", "verbose", "debug.", "", "info,critical"] {
            assert!(log_filter(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_loopback_is_listened_on_without_a_word() {
        let parse = |args: &[&str]| {
            let start = ["epochd", "--listen", "0.0.0.0:1", "--data-dir", "/is/not/there"];
            Settings::parse_from([&start, args].concat()).check()
        };
        assert!(parse(&[]).is_err());
        assert!(parse(&["--allow-anonymous"]).is_ok() && parse(&["--api-keys", "admin:x"]).is_ok());
        let unprotected = Settings::parse_from(["epochd", "--listen", "0.0.0.0:1"]);
        assert!(unprotected.check_listen(false).is_err() && unprotected.check_listen(true).is_ok());
        assert!(Settings::for_tests().check().is_ok());
    }

    #[test]
    fn no_password_is_shown_with_the_settings() {
        let url = "postgres://me:hunter2@host/epochd";
        let settings = Settings::parse_from(["epochd", "--database-url", url]);
        assert_eq!(settings.database_url.as_ref().map(SecretUrl::as_str), Some(url));
        let shown = format!("{settings:?} {:?}", settings.location());
        let keys = Settings::parse_from(["epochd", "--api-keys", "admin:hush"]);
        assert!(!format!("{keys:?}").contains("hush"), "{keys:?}");
        assert!(shown.contains("postgres://…") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn every_flag_has_its_variable() {
        for arg in Settings::command().get_arguments().filter(|arg| arg.get_id() != "help" && arg.get_id() != "version")
        {
            let long = arg.get_long().expect("a long flag");
            let variable = format!("EPOCHD_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(variable.as_str()));
        }
    }
}
