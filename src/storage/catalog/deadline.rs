//! Statements with a deadline: whoever asks the database gets an answer or an error in time.
//!
//! A connection whose statement was cut off, by its deadline or because nobody waits for it any more, is closed rather
//! than given back: it may be waiting for a server that will never answer, and it would keep others waiting as well.

use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Either, Error, Execute, Executor, SqlStr};
use tokio::time::timeout;

type Answer = Vec<Either<AnyQueryResult, AnyRow>>;

/// A connection of its own for each statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'p> {
    pub(super) pool: &'p AnyPool,
    pub(super) patience: Duration,
}

/// A connection for several statements.
#[derive(Debug)]
pub(super) struct Connection {
    inner: PoolConnection<Any>,
    patience: Duration,
    /// Whether the last statement that was begun has ended.
    settled: bool,
}

/// Waits for `work` until its deadline.
pub(super) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, Error> {
    match timeout(patience, work).await {
        Ok(done) => done,
        Err(_) => {
            let detail = format!("the database gave no answer in {} seconds", patience.as_secs_f64());
            Err(Error::Io(io::Error::new(io::ErrorKind::TimedOut, detail)))
        }
    }
}

impl Connection {
    /// One of the pool's.
    pub(super) async fn of(pool: &AnyPool, patience: Duration) -> Result<Self, Error> {
        let inner = within(patience, pool.acquire()).await?;
        Ok(Connection { inner, patience, settled: true })
    }

    /// Has the connection closed when it is dropped.
    pub(super) fn close_on_drop(&mut self) {
        self.inner.close_on_drop();
    }

    async fn answer<'q>(&mut self, query: impl Execute<'q, Any> + 'q) -> Result<Answer, Error> {
        self.settled = false;
        let answer = within(self.patience, (&mut *self.inner).fetch_many(query).try_collect()).await;
        // What the database refuses was answered; what breaks off or comes too late was not.
        self.settled = matches!(answer, Ok(_) | Err(Error::Database(_)));
        answer
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.settled {
            self.inner.close_on_drop();
        }
    }
}

fn first_row(answer: Answer) -> Option<AnyRow> {
    answer.into_iter().find_map(Either::right)
}

fn as_stream<'e>(
    answer: impl Future<Output = Result<Answer, Error>> + Send + 'e,
) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>> {
    let answer = stream::once(answer).map_ok(|answer| stream::iter(answer.into_iter().map(Ok)));
    answer.try_flatten().boxed()
}

impl<'p> Executor<'p> for Reader<'p> {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        as_stream(async move { Connection::of(self.pool, self.patience).await?.answer(query).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move {
            let answer = Connection::of(self.pool, self.patience).await?.answer(query).await;
            answer.map(first_row)
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'p: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        as_stream(self.answer(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move { self.answer(query).await.map(first_row) })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'c: 'e,
    {
        (&mut *self.inner).prepare_with(sql, parameters)
    }
}
