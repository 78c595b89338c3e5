//! What is wrong with settings together, and what to do.

use bytesize::ByteSize;

use super::secrets::{check_blob_url, check_database_url};
use super::{Command, Settings};

impl Settings {
    /// What no single setting shows.
    pub(super) fn check(&self) -> Result<(), String> {
        // Where there may be stored keys, it is known once the state is open.
        let has_keys = self.api_keys.is_some() || self.api_keys_file.is_some();
        let may_have = self.database_url.is_some() || self.data_dir.exists();
        if self.command.is_none() && !has_keys && !may_have {
            self.check_listen(false)?;
        }
        self.tls.check()?;
        self.database_url.as_ref().map_or(Ok(()), check_database_url)?;
        self.blob_url.as_ref().map_or(Ok(()), check_blob_url)?;
        if self.command.is_none() {
            self.webhook.check()?;
            self.traces.check()?;
        }
        let local = self.database_url.is_none() && self.blob_url.is_none();
        if matches!(self.command, Some(Command::Backup { .. } | Command::Restore { .. })) && !local {
            return Err(
                "backup and restore work on the data folder: a PostgreSQL database is saved with pg_dump, an object \
                        store with its own tools, the database first"
                    .into(),
            );
        }
        let most = self.memory_plan()?.shares().requests.limit_of_one();
        if self.max_body.is_some_and(|max_body| max_body.as_u64() > most) {
            let most = ByteSize::b(most);
            return Err(format!("--max-body is larger than {most}, which one client may hold of --request-memory"));
        }
        Ok(())
    }

    /// Whether the service may listen where it is told to; `has_keys` says whether a key protects it.
    ///
    /// # Errors
    /// What to do.
    pub fn check_listen(&self, has_keys: bool) -> Result<(), String> {
        if self.listen.ip().is_loopback() || self.allow_anonymous || has_keys {
            return Ok(());
        }
        Err(format!(
            "{} is not a loopback address, and no key protects the service: anyone who reaches it could train, predict and \
             delete. Set keys (--api-keys), listen on 127.0.0.1, or add --allow-anonymous if the network is trusted",
            self.listen
        ))
    }
}
