//! Files with keys, tokens and messages: who else may read or write them.

use std::path::Path;

use crate::settings::{Fault, LoadedSettings, Settings};

/// The files with secrets, by the names of their settings. Whoever writes the token file decides who is admitted, and
/// whoever writes the history what was said.
fn secrets(settings: &Settings) -> impl Iterator<Item = (&'static str, &Path)> {
    let files = [
        ("tls.key", &settings.tls_key),
        ("access.tokens", &settings.access_tokens),
        ("admin.token_file", &settings.admin_token_file),
        ("history.path", &settings.history.path),
    ];
    files.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)))
}

/// Refuses files that every user may write. Returns a warning for each that every user may read, or a group may write.
pub(crate) fn check(loaded: &LoadedSettings) -> Result<Vec<String>, Vec<Fault>> {
    let (mut warnings, mut faults) = (Vec::new(), Vec::new());
    for (name, path) in secrets(&loaded.settings) {
        let shown = path.display();
        let mode = mode(path);
        if mode & 0o002 != 0 {
            let text = format!("{shown}: every user of this machine may write it (mode {mode:04o}): chmod o-w {shown}");
            faults.push(loaded.fault(name, text));
        } else if mode & 0o004 != 0 {
            let text = format!("{shown}: every user of this machine may read it (mode {mode:04o}): chmod o-r {shown}");
            warnings.push(loaded.fault(name, text).to_string());
        } else if mode & 0o020 != 0 {
            let text = format!("{shown}: the users of its group may write it (mode {mode:04o}): chmod g-w {shown}");
            warnings.push(loaded.fault(name, text).to_string());
        }
    }
    if faults.is_empty() { Ok(warnings) } else { Err(faults) }
}

/// The permissions; none if the file cannot be found, which is reported when it is read.
#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().map_or(0, |metadata| metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> u32 {
    0
}
