//! The database of a worker: SQLite, which is built in, or PostgreSQL. Both answer one question, by
//! a query that itself takes as long as it is told.
//!
//! Called on the threads of the lane `database` and nowhere else: every call blocks.

use postgres::NoTls;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension, params};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How long a worker waits for a database that does not answer before it says so.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// How long SQLite waits for another connection's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Whom there is, at first.
const PUPPIES: [(&str, &str); 3] = [("Bouncer", "bones"), ("Luna", "walks"), ("Rex", "naps")];

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A server of PostgreSQL: its connection URI (libpq, section 34.1.1.2).
    Postgres(String),
}

impl FromStr for Source {
    type Err = String;

    /// `sqlite:PATH` or `postgres://...`.
    fn from_str(text: &str) -> Result<Source, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Source::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Source::Postgres(text.to_owned())),
            _ => Err(format!(
                "a database is sqlite:PATH or postgres://USER@HOST/NAME, not {text:?}"
            )),
        }
    }
}

/// Why a query has no answer.
#[derive(Debug)]
pub enum QueryError {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// PostgreSQL says so, or does not answer.
    Postgres(postgres::Error),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::Sqlite(error) => error.fmt(f),
            QueryError::Postgres(error) => match error.as_db_error() {
                Some(said) => write!(f, "{}: {}", said.severity(), said.message()),
                None => error.fmt(f),
            },
        }
    }
}

impl std::error::Error for QueryError {}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> QueryError {
        QueryError::Sqlite(error)
    }
}

impl From<postgres::Error> for QueryError {
    fn from(error: postgres::Error) -> QueryError {
        QueryError::Postgres(error)
    }
}

/// A connection.
pub enum Database {
    /// To a file.
    Sqlite(Connection),
    /// To a server.
    Postgres(Box<postgres::Client>),
}

impl Database {
    /// Connects, and fills an empty database.
    ///
    /// # Errors
    /// [`QueryError`]: the file cannot be opened, or the server does not answer.
    pub fn open(source: &Source) -> Result<Database, QueryError> {
        match source {
            Source::Sqlite(path) => {
                let connection = Connection::open(path)?;
                connection.busy_timeout(LOCK_PATIENCE)?;
                let _: String =
                    connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
                connection.create_scalar_function(
                    "sleep_ms",
                    1,
                    FunctionFlags::SQLITE_UTF8,
                    |call| {
                        let milliseconds: u32 = call.get(0)?;
                        std::thread::sleep(Duration::from_millis(milliseconds.into()));
                        Ok(milliseconds)
                    },
                )?;
                seed_sqlite(&connection)?;
                Ok(Database::Sqlite(connection))
            }
            Source::Postgres(uri) => {
                let mut config = postgres::Config::from_str(uri)?;
                config.connect_timeout(CONNECT_PATIENCE);
                let mut client = config.connect(NoTls)?;
                seed_postgres(&mut client)?;
                Ok(Database::Postgres(Box::new(client)))
            }
        }
    }

    /// Likes of the puppy of this name; None if there is none. For one there is, the query takes
    /// `took`.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn likes(&mut self, name: &str, took: Duration) -> Result<Option<String>, QueryError> {
        match self {
            Database::Sqlite(connection) => {
                let mut query = connection
                    .prepare_cached("SELECT likes, sleep_ms(?2) FROM puppies WHERE name = ?1")?;
                let milliseconds = took.as_millis() as u32;
                let found = query.query_row(params![name, milliseconds], |row| row.get(0));
                Ok(found.optional()?)
            }
            Database::Postgres(client) => {
                let row = client.query_opt(
                    "SELECT likes, pg_sleep($2)::text FROM puppies WHERE name = $1",
                    &[&name, &took.as_secs_f64()],
                )?;
                Ok(row.map(|row| row.get(0)))
            }
        }
    }

    /// Whether the connection is still there.
    pub fn is_open(&mut self) -> bool {
        match self {
            Database::Sqlite(_) => true,
            Database::Postgres(client) => !client.is_closed(),
        }
    }
}

fn seed_sqlite(connection: &Connection) -> Result<(), rusqlite::Error> {
    // All workers may come at once: the first to hold the lock fills it.
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS puppies (name TEXT PRIMARY KEY, likes TEXT NOT NULL)",
    )?;
    for (name, likes) in PUPPIES {
        connection.execute(
            "INSERT INTO puppies VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![name, likes],
        )?;
    }
    connection.execute_batch("COMMIT")
}

fn seed_postgres(client: &mut postgres::Client) -> Result<(), postgres::Error> {
    let mut transaction = client.transaction()?;
    // CREATE TABLE IF NOT EXISTS is not safe against itself in another session (PostgreSQL manual,
    // CREATE TABLE): one at a time.
    transaction.execute("SELECT pg_advisory_xact_lock(7001)", &[])?;
    transaction.batch_execute(
        "CREATE TABLE IF NOT EXISTS puppies (name TEXT PRIMARY KEY, likes TEXT NOT NULL)",
    )?;
    for (name, likes) in PUPPIES {
        transaction.execute(
            "INSERT INTO puppies VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[&name, &likes],
        )?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_file_or_a_server() {
        let sqlite = "sqlite:/var/lib/puppies.db".parse();
        assert_eq!(sqlite, Ok(Source::Sqlite("/var/lib/puppies.db".into())));
        let server = "postgres://me@%2Frun%2Fpg/puppies";
        assert_eq!(server.parse(), Ok(Source::Postgres(server.to_owned())));
        for wrong in ["", "sqlite:", "mysql://x", "puppies.db"] {
            let error = wrong.parse::<Source>().expect_err("refused");
            assert!(error.contains("sqlite:PATH"), "{error}");
        }
    }
}
