//! The database of the catalog: connections, transactions, and the form of its tables.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, ConnectOptions, Connection as _, Executor, SqlSafeStr};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::deadline::{self, Connection, Reader};
use super::fence::Fence;
use crate::storage::calls::{Call, Calls};
use crate::storage::{Gate, SecretUrl, StorageError};
use crate::workplaces::Occupancy;

/// Connections to the database. SQLite has one writer at a time; the others read beside it.
const CONNECTIONS: u32 = 8;
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
    /// SQLite takes one writer at a time: they queue here, in order, rather than poll the file's lock.
    pub(super) writer: Option<Arc<Mutex<()>>>,
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
    _writer: Option<OwnedMutexGuard<()>>,
}

impl Catalog {
    /// Connects to a database; each statement on it has `patience` as its deadline.
    ///
    /// # Errors
    /// `Unavailable`; `Damaged` if a file is no database.
    pub async fn connect(database: &Database, gate: Gate, patience: Duration) -> Result<Self, StorageError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let (url, sqlite) = match database {
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
        let pool = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(patience);
        let pool = match sqlite {
            false => pool,
            true => {
                pool.after_connect(|connection, _| Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) }))
            }
        };
        let pool = pool.connect_with(options).await?;
        let calls = Calls::on(if sqlite { "sqlite" } else { "postgresql" }, Call::CATALOG, patience);
        Ok(Catalog { pool, writer: sqlite.then(Arc::default), gate, patience, calls, fence: None })
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
        let (begin, _writer) = match &self.writer {
            Some(writer) => ("BEGIN IMMEDIATE", Some(self.turn(writer.clone()).await?)),
            None => ("BEGIN", None),
        };
        let connection = Connection::of(&self.pool, self.patience).await?;
        let (gate, calls) = (self.gate.clone(), self.calls.clone());
        let mut write = Write { connection, committed: false, gate, calls, _writer };
        write.connection.execute(begin).await?;
        if let Some(fence) = &self.fence {
            fence.check(&mut write.connection).await?;
        }
        Ok(write)
    }

    /// Waits for its turn among those that write to SQLite, until its deadline.
    async fn turn(&self, writer: Arc<Mutex<()>>) -> Result<OwnedMutexGuard<()>, StorageError> {
        let turn = tokio::time::timeout(self.patience, writer.lock_owned()).await;
        turn.map_err(|_| StorageError::Unavailable("other changes take too long".into()))
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
        Occupancy { places: CONNECTIONS as usize, taken, waiting: None }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) fn reader(&self) -> Result<Reader<'_>, StorageError> {
        (self.gate)("catalog read").inspect_err(|error| self.calls.note_failed(Call::Read, error))?;
        Ok(Reader { pool: &self.pool, patience: self.patience, calls: &self.calls })
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
