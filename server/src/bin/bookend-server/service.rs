//! The service: it starts, obeys signals and operators, and shuts down.

use std::io::{self, Write};

use bookend_server::{AdminOrder, Hub, ShutdownSummary, Tls};
use tokio::sync::oneshot;

use crate::admin::{self, AdminListener};
use crate::bans::{self, BanFile};
use crate::credentials::Credentials;
use crate::descriptors;
use crate::listeners::{self, Listeners};
use crate::logging::Logging;
use crate::ready::ReadyFile;
use crate::settings::{Effect, LoadedSettings, SETTINGS, Sources};
use crate::signals::{Command, Signals};
use crate::systemd;
use crate::warnings;

/// The hub and its surroundings.
pub(crate) struct Service {
    sources: Sources,
    loaded: LoadedSettings,
    hub: Hub,
    tls: Option<Tls>,
    listeners: Listeners,
    logging: Logging,
    signals: Signals,
    admin: Option<AdminListener>,
    /// Keeps the bans until the service has ended.
    _ban_file: Option<BanFile>,
    ready_file: Option<ReadyFile>,
}

/// Why the service does not start.
pub(crate) struct Failure {
    pub(crate) reasons: Vec<String>,
    pub(crate) of_settings: bool,
}

/// How the service ended.
pub(crate) enum Outcome {
    Graceful,
    AtOnce,
}

impl Service {
    /// Starts to listen, and prints the addresses.
    pub(crate) async fn start(sources: Sources) -> Result<Service, Failure> {
        let loaded = sources.load().map_err(Failure::of_settings)?;
        let credentials = Credentials::load(&loaded).map_err(Failure::of_settings)?;
        let resolved = listeners::resolve(&loaded, &credentials).await.map_err(Failure::of_settings)?;
        let admin = admin::AdminSettings::resolve(&loaded).await.map_err(Failure::of_settings)?;
        let bans = bans::load(&loaded).map_err(|fault| Failure::of_settings(vec![fault]))?;
        let settings = &loaded.settings;
        let logging = Logging::start(&settings.log_level, settings.log_format);
        for (name, meant) in sources.misspelled() {
            tracing::warn!(name, detail = format!("did you mean {meant}?"), "environment-ignored");
        }
        descriptors::raise_limit();
        let hub = Hub::new(credentials.config(&loaded));
        let ban_file = BanFile::open(settings.access_bans.as_deref(), bans, &hub)
            .map_err(|reason| Failure::of_system(vec![reason]))?;
        let admin = AdminListener::open(admin, &hub).await.map_err(|reason| Failure::of_system(vec![reason]))?;
        let mut listeners = Listeners::default();
        let bound = listeners.bind(resolved, settings.unix_mode).await.map_err(Failure::of_system)?;
        let signals = Signals::new(sources.file.is_some() || credentials.has_files()).map_err(Failure::io)?;
        credentials.log();
        warnings::log(&loaded, &credentials.access);
        descriptors::log(settings);
        listeners.open(bound, &hub, credentials.tls.as_ref());
        listeners.log_exposure(settings, &credentials);
        let addresses: Vec<_> = listeners.addresses().map(ToString::to_string).collect();
        let ready_file = match &settings.ready_file {
            Some(path) => Some(
                ReadyFile::write(path, &addresses)
                    .map_err(|error| Failure::of_system(vec![format!("{}: {error}", path.display())]))?,
            ),
            None => None,
        };
        let mut out = io::stdout().lock();
        for address in listeners.addresses() {
            writeln!(out, "listening on {address} - join: {}", address.invitation()).map_err(Failure::io)?;
        }
        if let Some(admin) = &admin {
            admin.set_ready();
            writeln!(out, "admin on {}", admin.address()).map_err(Failure::io)?;
        }
        out.flush().map_err(Failure::io)?;
        drop(out);
        tokio::spawn(systemd::watch());
        systemd::ready();
        Ok(Service {
            sources,
            loaded,
            hub,
            tls: credentials.tls,
            listeners,
            logging,
            signals,
            admin,
            _ban_file: ban_file,
            ready_file,
        })
    }

    /// Serves until a signal or an operator ends it.
    pub(crate) async fn run(mut self) -> Outcome {
        loop {
            match self.next().await {
                (Command::Reload, answer) => {
                    systemd::reloading();
                    let reloaded = self.reload().await;
                    self.hub.count_reload(reloaded.is_ok());
                    for reason in reloaded.as_ref().err().into_iter().flatten() {
                        tracing::error!(detail = reason, "reload-refused");
                    }
                    systemd::ready();
                    if let Some(answer) = answer {
                        let _ = answer.send(reloaded); // the operator may no longer wait
                    }
                }
                (Command::Stop(signal), _) => {
                    self.admin.iter().for_each(AdminListener::set_draining);
                    tracing::info!(signal, "shut-down");
                    systemd::stopping();
                    return self.shut_down().await;
                }
            }
        }
    }

    /// The next command of a signal or an operator, and the receiver of its result.
    async fn next(&mut self) -> (Command, Option<oneshot::Sender<Result<(), Vec<String>>>>) {
        tokio::select! {
            order = self.signals.next() => (order, None),
            order = admin::next(&mut self.admin) => match order {
                AdminOrder::Drain => (Command::Stop("admin"), None),
                AdminOrder::Reload(answer) => (Command::Reload, Some(answer)),
            },
        }
    }

    /// Reloads the settings: all of them, or none if there is a fault.
    async fn reload(&mut self) -> Result<(), Vec<String>> {
        let mut loaded = self.sources.load().map_err(texts)?;
        warnings::emptied(&self.loaded, &loaded).map_err(|fault| texts(vec![fault]))?;
        let credentials = Credentials::load(&loaded).map_err(texts)?;
        let resolved = listeners::resolve(&loaded, &credentials).await.map_err(texts)?;
        let admin = admin::AdminSettings::resolve(&loaded).await.map_err(texts)?;
        let bound = self.listeners.bind(resolved, loaded.settings.unix_mode).await?;

        let mut changed = 0;
        for setting in SETTINGS {
            let (before, after) = (setting.toml(&self.loaded.settings), setting.toml(&loaded.settings));
            if before == after {
                continue;
            }
            let name = setting.name;
            if setting.effect == Effect::Restart {
                setting.copy(&mut loaded.settings, &self.loaded.settings);
                tracing::warn!(name, before, after, "setting-needs-restart");
            } else {
                changed += 1;
                tracing::info!(name, before, after, effect = setting.effect.name(), "setting");
            }
        }
        let settings = &loaded.settings;
        self.listeners.close_others(&settings.listen).await;
        let admitted_all = self.hub.access().without_token(false).enter();
        self.hub.reconfigure(credentials.config(&loaded));
        credentials.log();
        warnings::log(&loaded, &credentials.access);
        if admitted_all && !credentials.access.without_token(false).enter() {
            warnings::log_members_without_token(&self.hub);
        }
        descriptors::log(settings);
        match (&self.tls, &credentials.tls) {
            (Some(old), Some(new)) => old.replace(new),
            (_, new) => self.tls.clone_from(new),
        }
        self.listeners.open(bound, &self.hub, self.tls.as_ref());
        self.listeners.log_exposure(settings, &credentials);
        self.listeners.set_mode(settings.unix_mode);
        if let Some(listener) = &self.admin {
            listener.set_rules(admin);
        }
        if let Some(file) = &self.ready_file {
            let addresses: Vec<_> = self.listeners.addresses().map(ToString::to_string).collect();
            if let Err(error) = file.rewrite(&addresses) {
                tracing::warn!(detail = %error, "ready-file-failed");
            }
        }
        tracing::info!(changed, "reload");
        self.logging.set(&settings.log_level);
        self.loaded = loaded;
        Ok(())
    }

    /// Stops listening, and shuts the hub down. A second signal ends that at once. Until then the admin service answers.
    async fn shut_down(mut self) -> Outcome {
        self.listeners.close_others(&[]).await;
        let outcome = self.close_connections().await;
        if let Some(listener) = self.admin {
            listener.close().await;
        }
        outcome
    }

    async fn close_connections(&mut self) -> Outcome {
        let shut_down = self.hub.shut_down();
        tokio::pin!(shut_down);
        loop {
            tokio::select! {
                ShutdownSummary { closed, given_up } = &mut shut_down => {
                    tracing::info!(closed, given_up, "end");
                    return Outcome::Graceful;
                }
                order = self.signals.next() => {
                    if let Command::Stop(signal) = order {
                        tracing::warn!(signal, "end-at-once");
                        return Outcome::AtOnce;
                    }
                }
                order = admin::next(&mut self.admin) => {
                    if let AdminOrder::Reload(answer) = order {
                        let answered = answer.send(Err(vec!["the hub is shutting down".into()]));
                        let _ = answered; // the operator may no longer wait
                    }
                }
            }
        }
    }
}

impl Failure {
    fn of_settings(faults: Vec<crate::settings::Fault>) -> Failure {
        Failure { reasons: texts(faults), of_settings: true }
    }

    fn of_system(reasons: Vec<String>) -> Failure {
        Failure { reasons, of_settings: false }
    }

    fn io(error: io::Error) -> Failure {
        Failure::of_system(vec![error.to_string()])
    }
}

fn texts(faults: Vec<crate::settings::Fault>) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}
