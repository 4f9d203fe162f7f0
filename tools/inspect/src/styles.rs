//! The colours of the plain output.

use anstyle::{AnsiColor, Style};

/// The colours of the plain output, or none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Styles {
    pub(super) start: Style,
    pub(super) header: Style,
    pub(super) fixed: Style,
    pub(super) payload: Style,
    pub(super) fault: Style,
    pub(super) remark: Style,
    pub(super) quiet: Style,
    /// Alternating colours, so that a frame in many packets is recognised as one.
    pub(super) frames: [Style; 2],
    /// Bytes outside frames.
    pub(super) outside: Style,
}

impl Styles {
    pub(super) fn new(colored: bool) -> Styles {
        if !colored {
            return Styles::default();
        }
        let color = |color: AnsiColor| color.on_default();
        Styles {
            start: color(AnsiColor::Cyan).bold(),
            header: color(AnsiColor::Blue).bold(),
            fixed: color(AnsiColor::Magenta),
            payload: color(AnsiColor::Green),
            fault: color(AnsiColor::Red).bold(),
            remark: color(AnsiColor::Yellow),
            quiet: Style::new().dimmed(),
            frames: [color(AnsiColor::Cyan), color(AnsiColor::Green)],
            outside: color(AnsiColor::Yellow),
        }
    }
}
