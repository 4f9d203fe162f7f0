//! The file of bans: it is read at the start, and replaced after each change.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bookend_server::{Ban, BanKeeper, Hub};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::replace::replace;
use crate::settings::{Fault, LoadedSettings};

/// The content of the file.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Content {
    bans: Vec<Ban>,
}

/// Keeps the bans of a hub in the file. It ends when this is dropped.
pub(crate) struct BanFile(JoinHandle<()>);

/// The bans in the file of the settings. There are none if there is no such setting, or no such file yet.
pub(crate) fn load(loaded: &LoadedSettings) -> Result<Vec<Ban>, Fault> {
    let Some(path) = &loaded.settings.access_bans else { return Ok(Vec::new()) };
    let fault = |detail: &dyn std::fmt::Display| loaded.fault("access.bans", format!("{}: {detail}", path.display()));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(&error)),
    };
    let Content { bans } = serde_json::from_str(&text).map_err(|error| fault(&error))?;
    Ok(bans)
}

impl BanFile {
    /// Adds the bans of the file to the hub, and keeps them from now on, if there is a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn open(path: Option<&Path>, bans: Vec<Ban>, hub: &Hub) -> Result<Option<BanFile>, String> {
        let Some(path) = path else { return Ok(None) };
        let keeper = hub.keep_bans(bans);
        write(path, keeper.bans()).map_err(|error| format!("access.bans: {}: {error}", path.display()))?;
        Ok(Some(BanFile(tokio::spawn(keep(path.into(), keeper)))))
    }
}

impl Drop for BanFile {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Writes each change on a thread of its own: a slow disk does not delay the hub.
async fn keep(path: PathBuf, mut keeper: BanKeeper) {
    loop {
        let bans = keeper.next().await;
        let to = path.clone();
        let written = spawn_blocking(move || write(&to, bans)).await.unwrap_or_else(|error| Err(error.into()));
        if let Err(error) = &written {
            tracing::error!(path = %path.display(), detail = %error, "bans-file-failed");
        }
        keeper.set_written(written.is_ok());
    }
}

/// Replaces the file. Only this user may read it: it has addresses of people.
fn write(path: &Path, bans: Vec<Ban>) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&Content { bans })? + "\n";
    replace(path, text.as_bytes(), 0o600, true)
}
