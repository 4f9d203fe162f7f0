//! The settings, their sources, and their faults.
//!
//! Flags override the environment, the environment overrides the file, the file overrides the defaults. All of them use the
//! names in the catalogue.

mod catalogue;
mod field;
mod file;
mod history;
mod page;
mod sources;

use std::path::PathBuf;
use std::time::Duration;

use bookend_server::{Config, Rights};

use crate::address::ListenAddress;
use crate::logging::{Filter, Format};

pub(crate) use catalogue::{Effect, SETTINGS};
pub(crate) use field::Value;
pub(crate) use history::HistorySettings;
pub(crate) use page::page;
pub(crate) use sources::{Fault, LoadedSettings, Sources};

/// Everything that an operator can set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<ListenAddress>,
    /// May other machines reach a listener without protection?
    pub(crate) public: bool,
    pub(crate) ready_file: Option<PathBuf>,
    /// The permissions of Unix sockets.
    pub(crate) unix_mode: u32,
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) tls_client_ca: Option<PathBuf>,
    pub(crate) tls_client_optional: bool,
    pub(crate) tls_handshake_timeout: Duration,
    /// The token file.
    pub(crate) access_tokens: Option<PathBuf>,
    pub(crate) access_anonymous: Allowance,
    pub(crate) access_certified: Allowance,
    /// The file of bans.
    pub(crate) access_bans: Option<PathBuf>,
    pub(crate) admin_listen: Option<ListenAddress>,
    pub(crate) admin_mode: u32,
    pub(crate) admin_public: bool,
    pub(crate) admin_token_file: Option<PathBuf>,
    pub(crate) admin_hosts: Vec<String>,
    pub(crate) log_level: Filter,
    pub(crate) log_format: Format,
    pub(crate) history: HistorySettings,
    /// How long the listeners stay open at shut-down.
    pub(crate) shut_down_delay: Duration,
    /// Without `access`, which has a file of its own, and with 0 as `connections` for what the limit of open files allows.
    pub(crate) hub: Config,
}

/// The rights of peers without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// Everything without a token file, nothing with one.
    Auto,
    None,
    Read,
    Write,
}

impl Allowance {
    pub(crate) fn rights(self, tokens: bool) -> Rights {
        match self {
            Allowance::Auto if tokens => Rights::NONE,
            Allowance::None => Rights::NONE,
            Allowance::Read => Rights::READ,
            Allowance::Auto | Allowance::Write => Rights::READ_WRITE,
        }
    }
}

impl Settings {
    /// Are there files, besides the settings file, that a reload reads?
    pub(crate) fn has_files(&self) -> bool {
        [&self.tls_certificate, &self.access_tokens, &self.admin_token_file].into_iter().any(Option::is_some)
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: vec!["127.0.0.1:3990".parse().expect("it is HOST:PORT")],
            public: false,
            ready_file: None,
            unix_mode: 0o660,
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            tls_client_optional: false,
            tls_handshake_timeout: Duration::from_secs(5),
            access_tokens: None,
            access_anonymous: Allowance::Auto,
            access_certified: Allowance::Write,
            access_bans: None,
            admin_listen: None,
            admin_mode: 0o600,
            admin_public: false,
            admin_token_file: None,
            admin_hosts: Vec::new(),
            log_level: Filter::default(),
            log_format: Format::Pretty,
            history: HistorySettings::default(),
            shut_down_delay: Duration::ZERO,
            hub: Config { connections: 0, ..Config::default() },
        }
    }
}
