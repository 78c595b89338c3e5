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

use crate::memory::behalf::client;
use crate::storage::calls::{Call, Calls};
use crate::workplaces::{Workplace, Workplaces};

type Answer = Vec<Either<AnyQueryResult, AnyRow>>;

/// A connection of its own for each statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'p> {
    pub(super) pool: &'p AnyPool,
    /// Turns of the clients who read.
    pub(super) turns: &'p Workplaces,
    pub(super) patience: Duration,
    pub(super) calls: &'p Calls,
}

/// A connection for several statements.
#[derive(Debug)]
pub(super) struct Connection {
    inner: PoolConnection<Any>,
    patience: Duration,
    /// Whether the last statement that was begun has ended.
    settled: bool,
    /// What its statements are counted as, and where; none while a larger call is counted that they are a part of.
    counted: Option<(Call, Calls)>,
    /// Given on after the connection.
    _turn: Workplace,
}

/// Waits for `work` until its deadline.
pub(super) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, Error> {
    timeout(patience, work).await.unwrap_or_else(|_| Err(late("the database gave no answer", patience)))
}

fn late(what: &str, patience: Duration) -> Error {
    let detail = format!("{what} in {} seconds", patience.as_secs_f64());
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, detail))
}

impl Connection {
    /// One of the pool's, when the client that this is done for has its turn.
    pub(super) async fn of(pool: &AnyPool, turns: &Workplaces, patience: Duration) -> Result<Self, Error> {
        let connection = async {
            let turn = turns.take(client()).await;
            Ok((pool.acquire().await?, turn))
        };
        let (inner, _turn) = timeout(patience, connection)
            .await
            .unwrap_or_else(|_| Err(late("no connection to the database was free", patience)))?;
        Ok(Connection { inner, patience, settled: true, counted: None, _turn })
    }

    /// Has its statements counted as calls of this kind from now on.
    pub(super) fn count_as(&mut self, call: Call, calls: &Calls) {
        self.counted = Some((call, calls.clone()));
    }

    /// Has the connection closed when it is dropped.
    pub(super) fn close_on_drop(&mut self) {
        self.inner.close_on_drop();
    }

    /// The answer to a statement, which is counted if that was asked for.
    async fn counted_answer<'q>(&mut self, query: impl Execute<'q, Any> + 'q) -> Result<Answer, Error> {
        match self.counted.clone() {
            Some((call, calls)) => calls.count(call, self.answer(query)).await,
            None => self.answer(query).await,
        }
    }

    async fn answer<'q>(&mut self, query: impl Execute<'q, Any> + 'q) -> Result<Answer, Error> {
        self.settled = false;
        let answer = within(self.patience, (&mut *self.inner).fetch_many(query).try_collect()).await;
        // What the database refuses was answered; what breaks off or comes too late was not.
        self.settled = matches!(answer, Ok(_) | Err(Error::Database(_)));
        answer
    }
}

impl Reader<'_> {
    /// The answer to a statement, on a connection of its turn.
    async fn answer<'q>(self, query: impl Execute<'q, Any> + 'q) -> Result<Answer, Error> {
        let answer = async { Connection::of(self.pool, self.turns, self.patience).await?.answer(query).await };
        self.calls.count(Call::Read, answer).await
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
        as_stream(self.answer(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move { self.answer(query).await.map(first_row) })
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
        as_stream(self.counted_answer(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move { self.counted_answer(query).await.map(first_row) })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'c: 'e,
    {
        (&mut *self.inner).prepare_with(sql, parameters)
    }
}
