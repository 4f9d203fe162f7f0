//! The terminal of the window: its modes, when it is drawn, and how it is suspended and given back.

use std::io::{self, Stdout, Write};
use std::panic;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use ratatui::crossterm::queue;
use ratatui::crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use super::model::Window;
use super::painter::Painter;
use super::view;
use crate::times;

/// The shortest time between two drawings.
const FRAME: Duration = Duration::from_millis(16);

/// A terminal in the modes of the window. It gets its own modes back when this is dropped, and when the program panics.
pub(super) struct Screen {
    terminal: Terminal<Painter<Stdout>>,
    zone: TimeZone,
    is_dirty: bool,
    drawn: Option<Instant>,
    /// The terminal cannot be used any more.
    is_broken: bool,
}

impl Screen {
    pub(super) fn new(zone: TimeZone) -> io::Result<Screen> {
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            leave();
            earlier(info);
        }));
        let terminal = Terminal::new(Painter::new(io::stdout()))?;
        enter().inspect_err(|_| leave())?;
        Ok(Screen { terminal, zone, is_dirty: true, drawn: None, is_broken: false })
    }

    /// Draws the window if it has changed and the last drawing is long enough ago. After the first error, the terminal is
    /// not used again.
    pub(super) fn draw(&mut self, window: &mut Window) -> io::Result<()> {
        if !self.is_dirty || self.is_broken || self.next_drawing().is_some_and(|next| next > Instant::now()) {
            return Ok(());
        }
        let clock = |ms: u64| times::hours_and_minutes(ms, &self.zone);
        let drawn = self.terminal.draw(|frame| view::draw(window, &clock, frame)).map(|_| ());
        (self.is_dirty, self.drawn) = (false, Some(Instant::now()));
        self.check(drawn)
    }

    /// When the window may be drawn again, if it has changed.
    pub(super) fn next_drawing(&self) -> Option<Instant> {
        self.drawn.filter(|_| self.is_dirty && !self.is_broken).map(|drawn| drawn + FRAME)
    }

    /// The window has changed.
    pub(super) fn change(&mut self) {
        self.is_dirty = true;
    }

    /// Draws everything again, whatever the terminal shows.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        self.is_dirty = true;
        let cleared = self.terminal.clear();
        self.check(cleared)
    }

    /// Gives the terminal back and stops the program, with all that the shell started as one job with it. Returns when the
    /// shell continues it; at once where there is nothing to return to, as in a container.
    #[cfg(unix)]
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        leave();
        // SIGSTOP, as other full-screen programs send: the program handles SIGTSTP itself.
        let stopped = rustix::process::kill_current_process_group(rustix::process::Signal::STOP);
        self.resume()?;
        stopped.map_err(io::Error::from)
    }

    #[cfg(not(unix))]
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Enters the modes of the window again, which a shell has changed while the program was stopped.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        let _ = disable_raw_mode(); // otherwise enabling it again has no effect
        let entered = enter();
        self.check(entered)?;
        self.redraw()
    }

    fn check(&mut self, result: io::Result<()>) -> io::Result<()> {
        self.is_broken |= result.is_err();
        result
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Enters the modes of the window. A terminal ignores those that it does not have. Lines do not wrap, so that text that
/// is wider than expected cannot move the other lines.
fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    let mut output = io::stdout();
    queue!(output, EnterAlternateScreen, DisableLineWrap, EnableBracketedPaste, EnableFocusChange)?;
    output.flush()
}

/// Gives the terminal the modes that it had. It may be gone: that changes nothing.
fn leave() {
    let mut output = io::stdout();
    let _ = queue!(output, DisableFocusChange, DisableBracketedPaste, EnableLineWrap, LeaveAlternateScreen, Show);
    let _ = output.flush();
    let _ = disable_raw_mode();
}
