//! Detects a pooler in front of PostgreSQL that runs each transaction in any free session, as PgBouncer does in transaction
//! mode.
//!
//! The settings of our sessions would then apply to other clients, and might not apply to us: lock timeouts, how
//! statements are planned, that commits wait for the disk.

use diesel_async::RunQueryDsl;
use tokio_postgres::error::SqlState;

use super::{
    connection::{Writes, establish},
    sqlstate::Reported,
};
use crate::store::error::OpenError;

/// The order in which two connections ask for their sessions. A pooler picks the session that was used last, or the one
/// that is idle for longest. With either, one connection soon gets two sessions, or both get the same.
const ORDER: [usize; 10] = [0, 0, 1, 1, 0, 1, 1, 0, 0, 1];

#[diesel::declare_sql_function]
extern "SQL" {
    /// The id of the process that serves this session.
    fn pg_backend_pid() -> Integer;
}

/// Fails if sessions are shared.
pub async fn ensure_own_sessions(url: &str) -> Result<(), OpenError> {
    let mut connections = [establish(url, Writes::Optional).await?, establish(url, Writes::Optional).await?];
    let mut sessions: [Option<i32>; 2] = [None; 2];
    for index in ORDER {
        let connection = &mut connections[index];
        let result = diesel::select(pg_backend_pid()).get_result(&mut **connection).await;
        let session = result.map_err(|error| shared_sessions_or(&connection.reported, error.into()))?;
        if *sessions[index].get_or_insert(session) != session || sessions[0] == sessions[1] {
            return Err(OpenError::SharedSessions);
        }
    }
    Ok(())
}

/// Interprets an error: prepared statements that exist already, or don't exist, were prepared in another session by a
/// pooler that does not track them.
pub fn shared_sessions_or(reported: &Reported, error: OpenError) -> OpenError {
    match reported.state() {
        Some(SqlState::DUPLICATE_PSTATEMENT | SqlState::INVALID_SQL_STATEMENT_NAME) => OpenError::SharedSessions,
        _ => error,
    }
}
