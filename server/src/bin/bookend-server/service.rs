//! The service: it starts, obeys signals and operators, and shuts down.

use std::io;
use std::sync::Arc;

use bookend_server::{AdminOrder, History, Hub, ShutdownSummary, Tls};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::admin::{self, AdminListener};
use crate::bans::{self, BanFile};
use crate::certificates::CertificateWatch;
use crate::credentials::Credentials;
use crate::descriptors;
use crate::inherited::Inherited;
use crate::listeners::{self, Listeners, Unresolved};
use crate::logging::Logging;
use crate::notice;
use crate::ready::ReadyFile;
use crate::settings::{Effect, LoadedSettings, SETTINGS, Sources};
use crate::signals::{Command, Reason, Signals};
use crate::systemd;
use crate::warnings;

/// The hub and its surroundings.
pub(crate) struct Service {
    sources: Sources,
    inherited: Inherited,
    loaded: LoadedSettings,
    hub: Hub,
    /// What keeps the rooms, if anything does.
    history: Option<Arc<History>>,
    tls: Option<Tls>,
    listeners: Listeners,
    admin: Option<AdminListener>,
    certificate: Option<CertificateWatch>,
    /// Keeps the bans until the service has ended.
    _ban_file: Option<BanFile>,
    ready_file: Option<ReadyFile>,
    /// Dropped last: it waits for its reader.
    logging: Logging,
}

/// Why the service does not start.
pub(crate) struct Failure {
    pub(crate) reasons: Vec<String>,
    pub(crate) of_settings: bool,
}

impl Service {
    /// Starts to listen, and prints the addresses.
    pub(crate) async fn start(sources: Sources, inherited: Inherited) -> Result<Service, Failure> {
        let mut loaded = sources.load().map_err(Failure::of_settings)?;
        inherited.add_to(&mut loaded.settings);
        let settings = &loaded.settings;
        let ready_file = settings
            .ready_file
            .as_deref()
            .map(ReadyFile::claim)
            .transpose()
            .map_err(|error| Failure::of_settings(vec![loaded.fault("ready_file", error)]))?;
        let credentials = Credentials::load(&loaded).map_err(Failure::of_settings)?;
        let resolved = listeners::resolve(&loaded, &credentials).await.map_err(Failure::of_addresses)?;
        let admin = admin::AdminSettings::resolve(&loaded).await.map_err(Failure::of_settings)?;
        let bans = bans::load(&loaded).map_err(|fault| Failure::of_settings(vec![fault]))?;
        let logging = Logging::start(&settings.log_level, settings.log_format);
        for (name, meant) in sources.misspelled() {
            tracing::warn!(name, detail = format!("did you mean {meant}?"), "environment-ignored");
        }
        descriptors::raise_limit();
        let history = open_history(&loaded)?;
        let config = credentials.config(&loaded);
        let hub = match &history {
            Some(history) => Hub::with_history(config, history.clone()),
            None => Hub::new(config),
        };
        tokio::spawn(logging.watch(&hub));
        let ban_file = BanFile::open(settings.access_bans.as_deref(), bans, &hub)
            .map_err(|reason| Failure::of_system(vec![reason]))?;
        let admin = AdminListener::open(admin, &hub).await.map_err(|reason| Failure::of_system(vec![reason]))?;
        let bound =
            Listeners::bind_first(&resolved, &inherited, settings.unix_mode).await.map_err(Failure::of_system)?;
        credentials.log();
        warnings::log(&loaded, &credentials.access);
        descriptors::log(settings);
        let mut listeners = Listeners::default();
        listeners.open(bound, &hub, credentials.tls.as_ref());
        listeners.log_exposure(settings, &credentials);
        let certificate = CertificateWatch::start(credentials.tls.as_ref(), &hub);
        let service = Service {
            sources,
            inherited,
            loaded,
            hub,
            history,
            tls: credentials.tls,
            listeners,
            admin,
            certificate,
            _ban_file: ban_file,
            ready_file,
            logging,
        };
        service.announce()?;
        Ok(service)
    }

    /// Tells everyone who waits for it that the hub listens.
    fn announce(&self) -> Result<(), Failure> {
        if let Some(file) = &self.ready_file {
            file.write(&self.addresses())
                .map_err(|error| Failure::of_system(vec![self.loaded.fault("ready_file", error).to_string()]))?;
        }
        let mut text = String::new();
        for address in self.listeners.addresses() {
            text += &format!("listening on {address} - join: {}\n", address.invitation());
        }
        if let Some(admin) = &self.admin {
            admin.set_ready();
            text += &format!("admin on {}\n", admin.address());
        }
        if let Err(error) = notice::write(io::stdout(), text) {
            tracing::warn!(detail = %error, "output-failed");
        }
        tokio::spawn(systemd::watch());
        systemd::ready();
        Ok(())
    }

    fn addresses(&self) -> Vec<String> {
        self.listeners.addresses().map(ToString::to_string).collect()
    }

    /// Serves until a signal or an operator ends it. Returns the exit status.
    pub(crate) async fn run(mut self, mut signals: Signals) -> u8 {
        loop {
            match self.next(&mut signals).await {
                (Command::Reload, answer) => {
                    systemd::reloading();
                    // Looking up names may take long.
                    let reloaded = tokio::select! {
                        reloaded = self.reload() => reloaded,
                        reason = signals.stop() => return self.stop(reason, signals).await,
                    };
                    self.hub.count_reload(reloaded.is_ok());
                    for reason in reloaded.as_ref().err().into_iter().flatten() {
                        tracing::error!(detail = reason, "reload-refused");
                    }
                    systemd::ready();
                    if let Some(answer) = answer {
                        let _ = answer.send(reloaded); // the operator may no longer wait
                    }
                }
                (Command::Stop(reason), _) => return self.stop(reason, signals).await,
            }
        }
    }

    async fn stop(self, reason: Reason, signals: Signals) -> u8 {
        self.admin.iter().for_each(AdminListener::set_draining);
        tracing::info!(signal = reason.name, "shut-down");
        systemd::stopping();
        self.shut_down(signals).await
    }

    /// The next command of a signal or an operator, and the receiver of its result.
    async fn next(&mut self, signals: &mut Signals) -> (Command, Option<oneshot::Sender<Result<(), Vec<String>>>>) {
        tokio::select! {
            order = signals.next() => (order, None),
            order = admin::next(&mut self.admin) => match order {
                AdminOrder::Drain => (Command::Stop(Reason::ADMIN), None),
                AdminOrder::Reload(answer) => (Command::Reload, Some(answer)),
            },
        }
    }

    /// Reloads the settings: all of them, or none if there is a fault.
    async fn reload(&mut self) -> Result<(), Vec<String>> {
        let mut loaded = self.sources.load().map_err(texts)?;
        warnings::emptied(&self.loaded, &loaded).map_err(|fault| texts(vec![fault]))?;
        self.inherited.add_to(&mut loaded.settings);
        let credentials = Credentials::load(&loaded).map_err(texts)?;
        let resolved =
            listeners::resolve(&loaded, &credentials).await.map_err(|unresolved| texts(unresolved.faults))?;
        let admin = admin::AdminSettings::resolve(&loaded).await.map_err(texts)?;
        let bound = self.listeners.bind(&resolved, &self.inherited, loaded.settings.unix_mode).await;
        let bound = bound.map_err(|failure| failure.reasons)?;

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
        if let (Some(history), Some(config)) = (&self.history, settings.history.config()) {
            history.reconfigure(config);
        }
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
        self.listeners.set_mode(settings.unix_mode, &self.inherited);
        if let Some(listener) = &self.admin {
            listener.set_rules(admin);
        }
        self.certificate = CertificateWatch::start(self.tls.as_ref(), &self.hub);
        if let Some(file) = &self.ready_file
            && let Err(error) = file.write(&self.addresses())
        {
            tracing::warn!(detail = %error, "ready-file-failed");
        }
        if self.sources.file.is_none() && !settings.has_files() {
            tracing::info!(detail = "the hub has no settings file, certificate or token file", "reload-nothing");
        }
        tracing::info!(changed, "reload");
        self.logging.set(&settings.log_level);
        self.loaded = loaded;
        Ok(())
    }

    /// Stops listening, and shuts the hub down. A second signal ends that at once. Until then the admin service answers.
    /// Returns the exit status.
    async fn shut_down(mut self, mut signals: Signals) -> u8 {
        let delay = self.loaded.settings.shut_down_delay;
        let at_once = match self.or_at_once(sleep(delay), &mut signals).await {
            Err(reason) => Err(reason),
            Ok(()) => {
                self.listeners.close_others(&[]).await;
                let hub = self.hub.clone();
                self.or_at_once(hub.shut_down(), &mut signals).await
            }
        };
        let status = match at_once {
            Ok(ShutdownSummary { closed, given_up }) => {
                tracing::info!(closed, given_up, "end");
                0
            }
            Err(reason) => {
                tracing::warn!(signal = reason.name, "end-at-once");
                reason.status()
            }
        };
        self.listeners.close_others(&[]).await;
        if let Some(listener) = self.admin {
            listener.close().await;
        }
        status
    }

    /// The result of a future, or the signal that ends the program before.
    async fn or_at_once<T>(&mut self, future: impl Future<Output = T>, signals: &mut Signals) -> Result<T, Reason> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                result = &mut future => return Ok(result),
                reason = signals.stop() => return Err(reason),
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

/// Opens the file that keeps the rooms, if one is set.
fn open_history(loaded: &LoadedSettings) -> Result<Option<Arc<History>>, Failure> {
    let Some(config) = loaded.settings.history.config() else { return Ok(None) };
    let failed = |error| Failure::of_system(vec![loaded.fault("history.path", error).to_string()]);
    let history = History::open(config).map_err(failed)?;
    // The hub closes it when it shuts down, within a time. Dropping it would wait for a disk that does not answer.
    std::mem::forget(history.clone());
    Ok(Some(history))
}

impl Failure {
    fn of_settings(faults: Vec<crate::settings::Fault>) -> Failure {
        Failure { reasons: texts(faults), of_settings: true }
    }

    /// systemd does not start the hub again after a fault of settings; a name may be found later.
    fn of_addresses(unresolved: Unresolved) -> Failure {
        Failure { of_settings: !unresolved.is_of_lookup, ..Failure::of_settings(unresolved.faults) }
    }

    fn of_system(reasons: Vec<String>) -> Failure {
        Failure { reasons, of_settings: false }
    }

    pub(crate) fn io(error: io::Error) -> Failure {
        Failure::of_system(vec![error.to_string()])
    }
}

fn texts(faults: Vec<crate::settings::Fault>) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}
