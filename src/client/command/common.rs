//! What all client commands take: which service they ask, and how they show what it says.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

/// The service that is asked unless another is named.
const URL: &str = "http://127.0.0.1:8080";
/// The folder of a service of one's own, in the same way.
const DATA_DIR: &str = "epochd-data";

/// What all client commands take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Service")]
pub struct Common {
    /// The service to ask
    #[arg(long, env = "EPOCHD_URL", value_name = "URL", default_value = URL, global = true)]
    pub url: String,
    /// The key to ask with. On the command line all users of the machine see it: set the variable
    #[arg(long, env = "EPOCHD_KEY", value_name = "SECRET", hide_env_values = true, global = true)]
    pub key: Option<Key>,
    /// How TLS is spoken with it
    #[command(flatten)]
    pub tls: ClientTls,
    /// Start a service of its own on --data-dir for as long as the command takes, in place of asking one
    #[arg(long, global = true)]
    pub local: bool,
    /// Folder of the state that --local works on; a service started there later has all of it
    #[arg(long, env = "EPOCHD_DATA_DIR", value_name = "DIR", default_value = DATA_DIR, global = true)]
    pub data_dir: PathBuf,
    /// Print what the service says, as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no remarks on standard error, but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Common {
    /// What further commands have to be given to reach the same service, but for the key, which is a secret.
    pub fn again(&self) -> String {
        let is_otherwise =
            |name: &str, usual: &str, value: &str| std::env::var(name).as_deref().unwrap_or(usual) != value;
        let folder = self.data_dir.display().to_string();
        let mut again = String::new();
        if self.local {
            again += " --local";
            if is_otherwise("EPOCHD_DATA_DIR", DATA_DIR, &folder) {
                again += &format!(" --data-dir {folder}");
            }
        } else if is_otherwise("EPOCHD_URL", URL, &self.url) {
            again += &format!(" --url {}", self.url);
        }
        again + &self.tls.again()
    }
}

/// Whom a client trusts over TLS, and who it says that it is.
#[derive(Clone, Debug, Default, Args)]
pub struct ClientTls {
    /// Certificates (PEM) that are trusted beside the usual ones
    #[arg(long, value_name = "FILE", global = true)]
    pub ca: Option<PathBuf>,
    /// Certificate (PEM) to show where the service wants one (--tls-client-ca)
    #[arg(long, value_name = "FILE", global = true)]
    pub client_cert: Option<PathBuf>,
    /// Its private key (PEM), where that is not in the same file
    #[arg(long, value_name = "FILE", global = true, requires = "client_cert")]
    pub client_key: Option<PathBuf>,
}

impl ClientTls {
    fn again(&self) -> String {
        let all = [("--ca", &self.ca), ("--client-cert", &self.client_cert), ("--client-key", &self.client_key)];
        let given = all.into_iter().filter_map(|(flag, file)| Some(format!(" {flag} {}", file.as_ref()?.display())));
        given.collect()
    }
}

/// A secret, which is not shown.
#[derive(Clone)]
pub struct Key(pub String);

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key(text.to_owned())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(…)")
    }
}
