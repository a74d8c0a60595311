//! Finds out whether a pooler stands before PostgreSQL that gives each transaction whichever of its sessions is free, as
//! PgBouncer does in transaction mode.
//!
//! What our sessions set would then be some other client's, and what they rely on might not be set: how long a lock is
//! waited for, how statements are planned, that a commit is on disk.

use diesel_async::RunQueryDsl;
use tokio_postgres::error::SqlState;

use super::{
    connection::{Writes, establish},
    sqlstate::Reported,
};
use crate::store::error::OpenError;

/// Which of two connections asks next for its session. Poolers give the session that was used last, or the one that was
/// not used for longest: by either, one connection soon gets two, or two get one.
const TURNS: [usize; 10] = [0, 0, 1, 1, 0, 1, 1, 0, 0, 1];

#[diesel::declare_sql_function]
extern "SQL" {
    /// The number of the process that serves this session.
    fn pg_backend_pid() -> Integer;
}

/// Fails where sessions are shared.
pub async fn ensure_own_sessions(url: &str) -> Result<(), OpenError> {
    let mut connections = [establish(url, Writes::Optional).await?, establish(url, Writes::Optional).await?];
    let mut sessions: [Option<i32>; 2] = [None; 2];
    for turn in TURNS {
        let connection = &mut connections[turn];
        let asked = diesel::select(pg_backend_pid()).get_result(&mut **connection).await;
        let session = asked.map_err(|error| shared_or(&connection.reported, error.into()))?;
        if *sessions[turn].get_or_insert(session) != session || sessions[0] == sessions[1] {
            return Err(OpenError::SharedSessions);
        }
    }
    Ok(())
}

/// Statements that are there twice, or not at all, were prepared in another session: older poolers can't tell.
pub fn shared_or(reported: &Reported, error: OpenError) -> OpenError {
    match reported.state() {
        Some(SqlState::DUPLICATE_PSTATEMENT | SqlState::INVALID_SQL_STATEMENT_NAME) => OpenError::SharedSessions,
        _ => error,
    }
}
