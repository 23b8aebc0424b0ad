//! Ctrl-C, and the other polite requests to end.

use std::process;
use std::time::Duration;

use tokio::sync::oneshot;

/// How long a command may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// Ends at Ctrl-C, SIGTERM and SIGHUP.
///
/// A command that cannot end, because it stands still in writing to a pipe that nobody reads, is ended after two
/// seconds: it is watched by a task of its own, and not by the one that stands still.
pub(super) async fn interrupted() {
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        signal().await;
        // Nobody listens any more: the command is past the part that can be interrupted, and about to end.
        let _ = tell.send(());
        tokio::time::sleep(GRACE).await;
        super::terminal::error("interrupted", "the output was not taken");
        process::exit(1);
    });
    if told.await.is_err() {
        // The watching task is gone, and with it the program.
        std::future::pending::<()>().await;
    }
}

async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hang_up)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
