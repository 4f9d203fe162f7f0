//! The file of `export --output`: it has its name only when the export has ended.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A file beside another one, which it replaces at the end. Dropped before, it is removed.
#[derive(Debug)]
pub(super) struct Draft {
    /// `None` for what cannot be replaced, such as a device or a pipe: that is written to at once.
    path: Option<PathBuf>,
    target: PathBuf,
    file: File,
}

impl Draft {
    /// Opens a file that is to replace the one of that path, if there is one. It may be read by the same users.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn create(path: &Path) -> io::Result<Draft> {
        // What a symbolic link leads to is replaced, and not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let before = fs::metadata(&target).ok();
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            let file = File::create(&target)?;
            return Ok(Draft { path: None, target, file });
        }
        let draft = draft_of(&target).ok_or(io::ErrorKind::IsADirectory)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
        let draft = Draft { path: Some(draft), target, file };
        if let Some(before) = before {
            draft.file.set_permissions(before.permissions())?;
        }
        Ok(draft)
    }

    /// The file, to be written.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Everything is written: gives the file its name.
    ///
    /// # Errors
    /// Those of the system. The file of that name is as it was.
    pub(super) fn keep(mut self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        self.file.sync_all()?;
        fs::rename(path, &self.target)?;
        self.path = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path); // nothing more can be done
        }
    }
}

/// `FILE.PID.part`; `None` if the path does not end with the name of a file.
fn draft_of(target: &Path) -> Option<PathBuf> {
    let mut name: OsString = target.file_name()?.into();
    name.push(format!(".{}.part", std::process::id()));
    Some(target.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("bookend-draft-{name}-{}", std::process::id()))
    }

    fn write(path: &Path, text: &str) -> Draft {
        let draft = Draft::create(path).unwrap();
        draft.file().unwrap().write_all(text.as_bytes()).unwrap();
        draft
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let path = path("whole");
        drop(write(&path, "unfinished"));
        assert!(!path.exists());
        write(&path, "first").keep().unwrap();
        drop(write(&path, "unfinished"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        write(&path, "second").keep().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert!(!draft_of(&path).unwrap().exists());
        fs::remove_file(path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay_and_devices_are_written_to() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let (path, link) = (path("linked"), path("link"));
        fs::write(&path, "first").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        write(&link, "second").keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        write(Path::new("/dev/null"), "nothing").keep().unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        fs::remove_file(path).unwrap();
        fs::remove_file(link).unwrap();
    }

    #[test]
    fn a_directory_is_refused() {
        for path in [std::env::temp_dir(), "/".into(), path("missing").join("file")] {
            assert!(Draft::create(&path).is_err(), "{}", path.display());
        }
    }
}
