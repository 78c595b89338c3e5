//! A service of one's own, for as long as a command takes: this program, started as a service on a folder.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::error::ClientError;

/// What the service's log says before its address.
const LISTENING: &str = "listening on ";

/// A service that ends with this. Its standard input is a pipe that nothing is written to: where this process ends without a word, that
/// ends too, and the service with it.
#[derive(Debug)]
pub struct Local(Child);

/// A service that is about to listen.
#[derive(Debug)]
pub struct Starting {
    log: BufReader<ChildStderr>,
    /// What it is to be asked with, whatever keys are stored in its folder.
    pub key: String,
}

/// Variables of services that are there for others: where their state is and whom they tell of it, keys, and certificates, which name
/// no address of loopback.
const OF_OTHERS: [&str; 10] = [
    "EPOCHD_DATABASE_URL",
    "EPOCHD_BLOB_URL",
    "EPOCHD_WEBHOOK",
    "EPOCHD_WEBHOOK_SECRET",
    "EPOCHD_OTLP_ENDPOINT",
    "EPOCHD_API_KEYS",
    "EPOCHD_API_KEYS_FILE",
    "EPOCHD_TLS_CERT",
    "EPOCHD_TLS_KEY",
    "EPOCHD_TLS_CLIENT_CA",
];

impl Local {
    /// Starts a service on the state in a folder, at a free port of loopback.
    ///
    /// # Errors
    /// This program cannot be started.
    pub fn start(folder: &Path) -> Result<(Self, Starting), ClientError> {
        let program = std::env::current_exe().map_err(ClientError::io("this program"))?;
        let mut command = Command::new(program);
        command
            .args(["--listen", "127.0.0.1:0", "--log-format", "text", "--log-level", "info", "--end-with-stdin"])
            .arg("--data-dir")
            .arg(folder);
        // Ctrl-C is for this command, which tells the service itself.
        command.process_group(0);
        OF_OTHERS.iter().for_each(|name| _ = command.env_remove(name));
        let key = new_key()?;
        command.env("EPOCHD_API_KEYS", format!("admin:{key}"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(ClientError::io("this program"))?;
        let log = BufReader::new(child.stderr.take().expect("it is piped"));
        Ok((Local(child), Starting { log, key }))
    }
}

impl Starting {
    /// The service's address, once it listens.
    ///
    /// # Errors
    /// It cannot start; what it says of that.
    pub fn address(self) -> Result<String, ClientError> {
        let (mut log, mut said) = (self.log, String::new());
        loop {
            let mut line = String::new();
            if log.read_line(&mut line).map_err(ClientError::io("the log of the service"))? == 0 {
                let hint = "if a service runs on the folder already, leave --local out";
                return Err(ClientError::Failed(format!("the service does not start ({hint}):\n{}", said.trim_end())));
            }
            if let Some((_, rest)) = line.split_once(LISTENING) {
                // A log that nobody reads would hold the service up once its pipe is full.
                std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return Ok(rest.split_whitespace().next().unwrap_or_default().to_owned());
            }
            said += &line;
        }
    }
}

/// A key for as long as the command takes.
fn new_key() -> Result<String, ClientError> {
    let mut bits = [0; 32];
    let filled = rustls::crypto::ring::default_provider().secure_random.fill(&mut bits);
    filled.map_err(|_| ClientError::Failed("the system gives no random bits".into()))?;
    Ok(hex::encode(bits))
}

impl Drop for Local {
    /// Has the service write what it has to, and waits for its end.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}
