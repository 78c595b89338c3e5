//! The database of the catalog: connections, transactions, and the form of its tables.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, ConnectOptions, Connection as _, Executor, SqlSafeStr};

use super::deadline::{self, Connection, Reader};
use super::fence::Fence;
use crate::storage::calls::{Call, Calls};
use crate::storage::{Gate, SecretUrl, StorageError};
use crate::workplaces::{Occupancy, Workplaces};

/// Connections to the database.
const CONNECTIONS: usize = 8;
/// Of these, so many change something: SQLite has one writer at a time.
const CHANGES_OF_SQLITE: usize = 1;
/// The same of PostgreSQL. The others read: a change that waits for what a reader holds keeps it from no connection.
const CHANGES_OF_POSTGRESQL: usize = 3;
/// Set on each SQLite connection. WAL lets readers go on beside the writer; FULL puts a commit on the disk before it
/// is acknowledged; a long log is cut. None of them writes to a file that is there: a full disk can be read from.
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                       PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -1000; \
                       PRAGMA journal_size_limit = 16777216;";

/// Set before the first page of a new file is written: free pages can be given back bit by bit then.
const OF_A_NEW_FILE: &str = "PRAGMA auto_vacuum = INCREMENTAL;";

/// Which database.
#[derive(Clone, Debug)]
pub enum Database {
    /// A SQLite file, made if missing.
    File(PathBuf),
    /// `postgres://…`
    Url(SecretUrl),
}

/// A database with the catalog's tables. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Catalog {
    pub(super) pool: AnyPool,
    /// Whether it is a SQLite file.
    pub(super) is_file: bool,
    /// Turns of the clients who read: one who asks for much at once does not keep others waiting.
    reads: Workplaces,
    /// Turns of the clients who change something: they wait here rather than poll the lock of a file.
    pub(super) changes: Workplaces,
    gate: Gate,
    /// Deadline of a statement.
    pub(super) patience: Duration,
    /// How it is called.
    pub calls: Calls,
    /// Of a PostgreSQL database that this process holds.
    pub(super) fence: Option<Arc<Fence>>,
}

/// A change under way; dropped without [`Write::commit`], it has not been.
///
/// PostgreSQL lets changes lock rows beside each other, and breaks one off where two wait for each other. So a change locks rows in
/// one order: of its model (`lock_model`, `next_version`), of its key (`take_allowance`), of data sets (`lock_dataset`,
/// `give_up_dataset_name`), of jobs, of litter. Rows that it adds have no turn: nobody else knows them yet.
///
/// The connection of a change that is not committed is closed. Where a disk is full SQLite may have ended the transaction
/// by itself, and a pool that takes such a connection back cannot begin on it again.
pub struct Write {
    pub(super) connection: Connection,
    committed: bool,
    gate: Gate,
    calls: Calls,
}

impl Catalog {
    /// Connects to a database; each statement on it has `patience` as its deadline.
    ///
    /// # Errors
    /// `Unavailable`; `Damaged` if a file is no database.
    pub async fn connect(database: &Database, gate: Gate, patience: Duration) -> Result<Self, StorageError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let (url, is_file) = match database {
            Database::File(path) => (format!("sqlite://{}?mode=rwc", percent_encoded(&path.to_string_lossy())), true),
            Database::Url(url) => (url.as_str().to_owned(), false),
        };
        let options = AnyConnectOptions::from_str(&url)?.disable_statement_logging();
        if let Database::File(path) = database {
            // By itself first: a pool would take a file that is no database for one that is not there yet, and try on.
            let is_new = std::fs::metadata(path).map_or(true, |file| file.len() == 0);
            let mut connection = deadline::within(patience, options.connect()).await?;
            if is_new {
                deadline::within(patience, connection.execute(OF_A_NEW_FILE)).await?;
            }
            deadline::within(patience, connection.execute(PRAGMAS)).await?;
            let _ = connection.close().await;
        }
        let pool = AnyPoolOptions::new().max_connections(CONNECTIONS as u32).acquire_timeout(patience);
        let pool = match is_file {
            false => pool,
            true => {
                pool.after_connect(|connection, _| Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) }))
            }
        };
        let pool = pool.connect_with(options).await?;
        let (name, changes) = match is_file {
            true => ("sqlite", CHANGES_OF_SQLITE),
            false => ("postgresql", CHANGES_OF_POSTGRESQL),
        };
        let (reads, changes) = (Workplaces::new(CONNECTIONS - changes), Workplaces::new(changes));
        let calls = Calls::on(name, Call::CATALOG, patience);
        Ok(Catalog { pool, is_file, reads, changes, gate, patience, calls, fence: None })
    }

    /// Brings the tables to their present form. Takes as long as it takes.
    ///
    /// # Errors
    /// `Unavailable`: that failed, or the database was written by a later release.
    pub async fn migrate(&self) -> Result<(), StorageError> {
        migrator().run(&self.pool).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            error => StorageError::Unavailable(format!(
                "the database's tables cannot be brought to this release's form: {error}"
            )),
        })
    }

    /// Begins a change.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn write(&self) -> Result<Write, StorageError> {
        let mut write = self.calls.count(Call::Begin, self.begin()).await?;
        write.connection.count_as(Call::Change, &self.calls);
        Ok(write)
    }

    async fn begin(&self) -> Result<Write, StorageError> {
        (self.gate)("catalog write")?;
        let connection = Connection::of(&self.pool, &self.changes, self.patience).await?;
        let (gate, calls) = (self.gate.clone(), self.calls.clone());
        let mut write = Write { connection, committed: false, gate, calls };
        write.connection.execute(if self.is_file { "BEGIN IMMEDIATE" } else { "BEGIN" }).await?;
        if let Some(fence) = &self.fence {
            fence.check(&mut write.connection).await?;
        }
        Ok(write)
    }

    /// Asks whether the database answers.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn check(&self) -> Result<(), StorageError> {
        sqlx::query("SELECT 1").execute(self.reader()?).await?;
        Ok(())
    }

    /// Writes a copy of the whole SQLite database, as it is at one moment, into a new file.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub async fn copy_to(&self, file: &str) -> Result<(), StorageError> {
        sqlx::query("VACUUM INTO $1").bind(file).execute(&self.pool).await?;
        Ok(())
    }

    /// How its connections are used.
    pub fn connections(&self) -> Occupancy {
        let taken = (self.pool.size() as usize).saturating_sub(self.pool.num_idle());
        let waiting = [&self.reads, &self.changes].iter().filter_map(|turns| turns.occupancy().waiting).sum();
        Occupancy { places: CONNECTIONS, taken, waiting: Some(waiting) }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) fn reader(&self) -> Result<Reader<'_>, StorageError> {
        (self.gate)("catalog read").inspect_err(|error| self.calls.note_failed(Call::Read, error))?;
        Ok(Reader { pool: &self.pool, turns: &self.reads, patience: self.patience, calls: &self.calls })
    }
}

impl Write {
    /// Makes the change last.
    ///
    /// # Errors
    /// `Full`, `Unavailable`: the change has hardly been made, but it may have: the database did not say so in time, or its
    /// connection broke off. Whoever goes on looks at the rows, and forgets what is in memory of them.
    pub async fn commit(mut self) -> Result<(), StorageError> {
        (self.gate)("catalog commit").inspect_err(|error| self.calls.note_failed(Call::Commit, error))?;
        self.connection.count_as(Call::Commit, &self.calls);
        self.connection.execute("COMMIT").await?;
        self.committed = true;
        (self.gate)("catalog committed")
    }

    /// Ends a change that was none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn roll_back(mut self) -> Result<(), StorageError> {
        self.connection.execute("ROLLBACK").await?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if !self.committed {
            self.connection.close_on_drop();
        }
    }
}

fn migrator() -> Migrator {
    let forms = [
        (1, "first", include_str!("first.sql")),
        (2, "second", include_str!("second.sql")),
        (3, "third", include_str!("third.sql")),
        (4, "fourth", include_str!("fourth.sql")),
        (5, "fifth", include_str!("fifth.sql")),
        (6, "sixth", include_str!("sixth.sql")),
        (7, "seventh", include_str!("seventh.sql")),
        (8, "eighth", include_str!("eighth.sql")),
        (9, "ninth", include_str!("ninth.sql")),
    ];
    let migrations = forms.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator { migrations: migrations.to_vec().into(), ..Migrator::DEFAULT }
}

/// A path as it stands in a URL.
fn percent_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::memory::Client;
    use crate::memory::behalf::done_for;

    /// How many of 2,000 times that one client does `work` at once are done before another's single time.
    async fn done_before_another<F: Future>(work: impl Fn() -> F) -> usize {
        let client = |address: &str| Some(Client::from(address.parse::<IpAddr>().expect("an address")));
        let (one, another, done) = (client("192.0.2.1"), client("192.0.2.2"), AtomicUsize::new(0));
        let counted = || async {
            work().await;
            done.fetch_add(1, Ordering::Relaxed);
        };
        let flood = join_all((0..2_000).map(|_| done_for(one, counted())));
        let single = async {
            done_for(another, work()).await;
            done.load(Ordering::Relaxed)
        };
        tokio::join!(flood, single).1
    }

    #[tokio::test]
    async fn a_client_who_asks_much_at_once_keeps_no_other_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Database::File(folder.path().join("catalog"));
        let catalog = Catalog::connect(&file, Arc::new(|_| Ok(())), Duration::from_secs(30)).await.expect("a database");
        let read = || async { catalog.check().await.expect("an answer") };
        let change = || async { catalog.write().await.expect("a change").roll_back().await.expect("its end") };
        // All connections are open before anything is counted.
        join_all((0..64).map(|_| read())).await;
        for before in [done_before_another(read).await, done_before_another(change).await] {
            assert!(before < 200, "{before} of a client with much to do went before");
        }
        assert_eq!(catalog.connections().waiting, Some(0));
    }
}
