//! A line terminal: a connection that sends lines, and no frames.

use std::time::Duration;

use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::target::Target;

/// How long a hub may hold what a terminal sends first, and more.
const PAUSE: Duration = Duration::from_millis(600);

/// A terminal, and what the hub has sent to it.
pub(super) struct Terminal<'a> {
    pub(super) peer: RawPeer<'a>,
    pub(super) seen: Vec<u8>,
    pub(super) timeout: Duration,
}

impl<'a> Terminal<'a> {
    /// Connects and reads the first line; `Err` if there is none: the hub serves no terminals here.
    pub(super) async fn connect(target: &'a Target, check: &'static str) -> Result<(Terminal<'a>, Vec<u8>), Finding> {
        let peer = target.connect(check).await?;
        let mut terminal = Terminal { peer, seen: Vec::new(), timeout: target.timeout() };
        let line = terminal.reads_within(b"\n", Duration::from_secs(1)).await;
        match line {
            Ok(()) => {
                let line = std::mem::take(&mut terminal.seen);
                Ok((terminal, line))
            }
            Err(_) => {
                Err(Finding::not_applicable("the server sends no line before HELLO: it serves no line terminals"))
            }
        }
    }

    /// Connects, and sends the token first if the server requires one.
    pub(super) async fn enter(target: &'a Target, check: &'static str) -> Result<Terminal<'a>, Finding> {
        let (mut terminal, _) = Terminal::connect(target, check).await?;
        if let Some(token) = target.hello().token() {
            terminal.types(&[b"/token ", token, b"\r\n"].concat()).await;
        }
        Ok(terminal)
    }

    pub(super) async fn types(&mut self, bytes: &[u8]) {
        self.peer.send(bytes).await;
    }

    /// Reads until these bytes have arrived.
    pub(super) async fn reads(&mut self, wanted: &[u8]) -> Result<(), Missing> {
        self.reads_within(wanted, self.timeout).await
    }

    pub(super) async fn reads_within(&mut self, wanted: &[u8], timeout: Duration) -> Result<(), Missing> {
        self.peer.set_timeout(timeout);
        while !self.seen.windows(wanted.len()).any(|window| window == wanted) {
            let more = self.peer.raw().await?;
            self.seen.extend(more);
        }
        Ok(())
    }

    /// Reads until nothing more arrives; true if the stream has ended.
    pub(super) async fn settles(&mut self) -> bool {
        loop {
            self.peer.set_timeout(PAUSE);
            match self.peer.raw().await {
                Ok(more) => self.seen.extend(more),
                Err(Missing::TimedOut(_)) => return false,
                Err(_) => return true,
            }
        }
    }

    /// Reads until the stream ends; false if it does not in time.
    pub(super) async fn ends(&mut self) -> bool {
        self.peer.set_timeout(self.timeout);
        loop {
            match self.peer.raw().await {
                Ok(more) => self.seen.extend(more),
                Err(missing) => return !matches!(missing, Missing::TimedOut(_)),
            }
        }
    }

    pub(super) fn shows(&self, words: &[u8]) -> bool {
        words.is_empty() || self.seen.windows(words.len()).any(|window| window == words)
    }
}
