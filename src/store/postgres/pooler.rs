//! Finds out whether a pooler stands before PostgreSQL that gives each transaction whichever of its sessions is free, as
//! PgBouncer does in transaction mode.
//!
//! What our sessions set would then be some other client's, and what they rely on might not be set: how long a lock is
//! waited for, how statements are planned, that a commit is on disk.

use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::connection::establish;
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
    let mut connections = [connect(url).await?, connect(url).await?];
    let mut sessions: [Option<i32>; 2] = [None; 2];
    for turn in TURNS {
        let asked = diesel::select(pg_backend_pid()).get_result(&mut connections[turn]).await;
        let session = asked.map_err(|error| shared_or(&error.to_string(), error.into()))?;
        if *sessions[turn].get_or_insert(session) != session || sessions[0] == sessions[1] {
            return Err(OpenError::SharedSessions);
        }
    }
    Ok(())
}

async fn connect(url: &str) -> Result<AsyncPgConnection, OpenError> {
    establish(url).await.map_err(|error| shared_or(&error.to_string(), error.into()))
}

/// Statements that are there twice, or not at all, were prepared in another session: older poolers can't tell.
fn shared_or(message: &str, error: OpenError) -> OpenError {
    if message.contains("prepared statement") { OpenError::SharedSessions } else { error }
}
