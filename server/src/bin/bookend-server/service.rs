//! The life of the program: it starts, obeys orders, and ends.

use std::io::{self, Write};

use bookend_server::{AdminOrder, Hub, ShutdownSummary, Tls};
use tokio::sync::oneshot;

use crate::admin::{self, AdminDoor};
use crate::doors::{self, Doors};
use crate::keys::Keys;
use crate::logging::Logging;
use crate::ready::ReadyFile;
use crate::settings::{Effect, SETTINGS, Settled, Sources};
use crate::signals::{Order, Signals};
use crate::systemd;

/// The hub and all around it.
pub(crate) struct Service {
    sources: Sources,
    settled: Settled,
    hub: Hub,
    tls: Option<Tls>,
    doors: Doors,
    logging: Logging,
    signals: Signals,
    admin: Option<AdminDoor>,
    ready_file: Option<ReadyFile>,
}

/// Why it does not start.
pub(crate) struct Failure {
    pub(crate) reasons: Vec<String>,
    pub(crate) of_settings: bool,
}

/// How it ended.
pub(crate) enum End {
    InGoodOrder,
    AtOnce,
}

impl Service {
    /// Listens everywhere, and says so.
    pub(crate) async fn start(sources: Sources) -> Result<Service, Failure> {
        let settled = sources.settle().map_err(Failure::of_settings)?;
        let keys = Keys::load(&settled).map_err(Failure::of_settings)?;
        let resolved = doors::resolve(&settled, &keys).await.map_err(Failure::of_settings)?;
        let admin = admin::Wanted::resolve(&settled).await.map_err(Failure::of_settings)?;
        let settings = &settled.settings;
        let logging = Logging::start(&settings.log_level, settings.log_format);
        for (name, meant) in sources.mistaken() {
            tracing::warn!(name, detail = format!("did you mean {meant}?"), "environment-ignored");
        }
        let hub = Hub::new(keys.config(&settled));
        let admin = AdminDoor::open(admin, &hub).await.map_err(|reason| Failure::of_system(vec![reason]))?;
        let mut doors = Doors::default();
        let unopened = doors.bind(resolved, settings.unix_mode).await.map_err(Failure::of_system)?;
        let signals = Signals::new(sources.file.is_some() || keys.has_files()).map_err(Failure::io)?;
        keys.log();
        doors.open(unopened, &hub, keys.tls.as_ref());
        doors.log_exposure(settings, &keys);
        let places: Vec<_> = doors.bound().map(ToString::to_string).collect();
        let ready_file = match &settings.ready_file {
            Some(path) => Some(
                ReadyFile::write(path, &places)
                    .map_err(|error| Failure::of_system(vec![format!("{}: {error}", path.display())]))?,
            ),
            None => None,
        };
        let mut out = io::stdout().lock();
        for bound in doors.bound() {
            writeln!(out, "listening on {bound} - join: {}", bound.invitation()).map_err(Failure::io)?;
        }
        if let Some(admin) = &admin {
            admin.is_ready();
            writeln!(out, "admin on {}", admin.place()).map_err(Failure::io)?;
        }
        out.flush().map_err(Failure::io)?;
        drop(out);
        tokio::spawn(systemd::watch());
        systemd::ready();
        Ok(Service { sources, settled, hub, tls: keys.tls, doors, logging, signals, admin, ready_file })
    }

    /// Serves until it is told to end.
    pub(crate) async fn run(mut self) -> End {
        loop {
            match self.next().await {
                (Order::Reload, answer) => {
                    systemd::reloading();
                    let reloaded = self.reload().await;
                    self.hub.count_reload(reloaded.is_ok());
                    for reason in reloaded.as_ref().err().into_iter().flatten() {
                        tracing::error!(detail = reason, "reload-refused");
                    }
                    systemd::ready();
                    if let Some(answer) = answer {
                        let _who_asked_waits_no_more = answer.send(reloaded);
                    }
                }
                (Order::Stop(signal), _) => {
                    self.admin.iter().for_each(AdminDoor::is_draining);
                    tracing::info!(signal, "shut-down");
                    systemd::stopping();
                    return self.end().await;
                }
            }
        }
    }

    /// What is asked next, by a signal or an operator, and who is to be told what has become of it.
    async fn next(&mut self) -> (Order, Option<oneshot::Sender<Result<(), Vec<String>>>>) {
        tokio::select! {
            order = self.signals.next() => (order, None),
            order = admin::next(&mut self.admin) => match order {
                AdminOrder::Drain => (Order::Stop("admin"), None),
                AdminOrder::Reload(answer) => (Order::Reload, Some(answer)),
            },
        }
    }

    /// Takes the settings anew, all of them or none.
    async fn reload(&mut self) -> Result<(), Vec<String>> {
        let mut settled = self.sources.settle().map_err(texts)?;
        let keys = Keys::load(&settled).map_err(texts)?;
        let resolved = doors::resolve(&settled, &keys).await.map_err(texts)?;
        let admin = admin::Wanted::resolve(&settled).await.map_err(texts)?;
        let unopened = self.doors.bind(resolved, settled.settings.unix_mode).await?;

        let mut changed = 0;
        for setting in SETTINGS {
            let (before, after) = (setting.toml(&self.settled.settings), setting.toml(&settled.settings));
            if before == after {
                continue;
            }
            let name = setting.name;
            if setting.effect == Effect::Restart {
                setting.copy(&mut settled.settings, &self.settled.settings);
                tracing::warn!(name, before, after, "setting-needs-restart");
            } else {
                changed += 1;
                tracing::info!(name, before, after, effect = setting.effect.name(), "setting");
            }
        }
        let settings = &settled.settings;
        self.doors.close_others(&settings.listen).await;
        self.hub.reconfigure(keys.config(&settled));
        keys.log();
        match (&self.tls, &keys.tls) {
            (Some(old), Some(new)) => old.replace(new),
            (_, new) => self.tls.clone_from(new),
        }
        self.doors.open(unopened, &self.hub, self.tls.as_ref());
        self.doors.log_exposure(settings, &keys);
        self.doors.set_mode(settings.unix_mode);
        if let Some(door) = &self.admin {
            door.set_rules(admin);
        }
        if let Some(file) = &self.ready_file {
            let places: Vec<_> = self.doors.bound().map(ToString::to_string).collect();
            if let Err(error) = file.rewrite(&places) {
                tracing::warn!(detail = %error, "ready-file-failed");
            }
        }
        tracing::info!(changed, "reload");
        self.logging.set(&settings.log_level);
        self.settled = settled;
        Ok(())
    }

    /// Takes no more, and lets everybody go. A second order ends that, too. Until then it can be asked how far that is.
    async fn end(mut self) -> End {
        self.doors.close_others(&[]).await;
        let end = self.farewell().await;
        if let Some(door) = self.admin {
            door.close().await;
        }
        end
    }

    async fn farewell(&mut self) -> End {
        let farewell = self.hub.shut_down();
        tokio::pin!(farewell);
        loop {
            tokio::select! {
                ShutdownSummary { closed, given_up } = &mut farewell => {
                    tracing::info!(closed, given_up, "end");
                    return End::InGoodOrder;
                }
                order = self.signals.next() => {
                    if let Order::Stop(signal) = order {
                        tracing::warn!(signal, "end-at-once");
                        return End::AtOnce;
                    }
                }
                order = admin::next(&mut self.admin) => {
                    if let AdminOrder::Reload(answer) = order {
                        let _who_asked_waits_no_more = answer.send(Err(vec!["the hub is shutting down".into()]));
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
