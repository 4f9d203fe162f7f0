//! When two names are the same.

/// What a name is compared by: names with one key are the same name.
pub(crate) fn key(name: &str) -> Box<str> {
    name.trim().to_lowercase().into()
}
