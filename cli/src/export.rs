//! `bookend export`: prints what a hub has kept of a room, and ends.

mod arguments;
mod draft;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use bookend_client::{Event, Missed, Sender};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) use arguments::ExportArguments;

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kept::{self, Reader, Since, Start};
use crate::receiver::Receiver;
use crate::shutdown::Shutdown;
use draft::Draft;

/// How long the last lines may take to be written to a file.
const FILE_TIMEOUT: Duration = Duration::from_secs(4);

/// Prints what the hub has kept, to standard output or to a file.
pub(crate) async fn export(arguments: &ExportArguments, console: &Console, shutdown: &Shutdown) -> Result<(), Failure> {
    if arguments.join.plain {
        return Err(Failure::Unusable("--plain: only a hub keeps messages".into()));
    }
    let found = match &arguments.output {
        Some(path) => export_to_file(path, arguments, shutdown).await?,
        None => export_to(console, arguments, shutdown).await?,
    };
    if found.skipped > 0 {
        console.note(format_args!("{}", Jump(found.skipped)));
    }
    match found.missing {
        0 => Ok(()),
        missing => Err(Failure::reported(console, Incomplete(missing), Exit::Fault)),
    }
}

/// The file is replaced at the end, if the export ends.
async fn export_to_file(path: &Path, arguments: &ExportArguments, shutdown: &Shutdown) -> Result<Found, Failure> {
    let unusable = |why| Failure::Unusable(format!("{}: {why}", path.display()));
    let draft = Draft::create(path).map_err(unusable)?;
    let output = Console::file(draft.file().map_err(unusable)?, path);
    let ended = export_to(&output, arguments, shutdown).await;
    let is_written = output.finish(if ended.is_ok() { Duration::MAX } else { FILE_TIMEOUT });
    let found = ended?;
    if !is_written {
        return Err(Failure::Reported(Exit::Fault));
    }
    draft.keep().map_err(Failure::System)?;
    Ok(found)
}

async fn export_to(output: &Console, arguments: &ExportArguments, shutdown: &Shutdown) -> Result<Found, Failure> {
    let (timeout, is_verbose) = (arguments.waiting.timeout, arguments.waiting.verbose);
    let options = arguments.join.options(arguments.hello(), timeout)?;
    let session = Receiver::connect(options, timeout, is_verbose, output, shutdown.signal()).await?;
    let progress = progress(arguments.output.is_some());
    let exported = kept::read(session, output, shutdown.signal(), async |sender, next_seq| {
        write(sender, next_seq, arguments, output, &progress).await
    })
    .await;
    progress.finish_and_clear();
    Ok(exported?.unwrap_or_default())
}

/// What is not there of that which was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// Messages, at least.
    missing: u64,
    /// Numbers that no message had, as far as the hub knows.
    skipped: u64,
}

/// Writes the messages, and returns what is missing of those that were asked for.
async fn write(
    sender: &Sender,
    next_seq: u64,
    arguments: &ExportArguments,
    output: &Console,
    progress: &ProgressBar,
) -> Result<Found, Failure> {
    let mut reader = Reader::new(sender, Start::Since(arguments.since), next_seq).await?;
    if let Some(until) = arguments.until {
        reader.until(until).await?;
    }
    let (mut found, mut lines) = (Found::default(), Vec::new());
    // What is older than the first message that is kept was not asked for.
    let mut has_begun = arguments.since != Since::All;
    let (begin, _) = reader.progress();
    while let Some(events) = reader.next().await? {
        for event in events {
            match event {
                Event::Message(incoming) => {
                    has_begun = true;
                    arguments.format().print(&incoming.message(), 0, &mut lines);
                }
                Event::Missed(missed) => {
                    if has_begun {
                        found.add(missed);
                    }
                    arguments.format().print_missed(missed, &mut lines);
                }
                _ => {}
            }
        }
        let (position, end) = reader.progress();
        progress.set_length(end.saturating_sub(begin));
        progress.set_position(position.saturating_sub(begin));
        if output.print_all(&mut lines).await.is_err() {
            break; // the reader wants no more
        }
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, missed: Missed) {
        let (missing, skipped) = match missed {
            Missed::Gap { count, .. } => (count, 0),
            Missed::Skipped { count, .. } => (0, count),
            _ => (1, 0), // the hub does not know the message after which to begin
        };
        self.missing = self.missing.saturating_add(missing);
        self.skipped = self.skipped.saturating_add(skipped);
    }
}

/// Shows the progress on a terminal that does not show the messages.
fn progress(is_to_file: bool) -> ProgressBar {
    let progress = ProgressBar::hidden();
    if io::stderr().is_terminal() && (is_to_file || !io::stdout().is_terminal()) {
        progress.set_draw_target(ProgressDrawTarget::stderr());
        let template = "{bar:30} message {human_pos} of {human_len}, {eta} left";
        progress.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
    }
    progress
}

/// So many messages are missing.
struct Incomplete(u64);

impl std::fmt::Display for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "incomplete: {} messages are not kept, or are too long for this client", self.0)
    }
}

/// So many numbers were skipped.
struct Jump(u64);

impl std::fmt::Display for Jump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Jump(count) = self;
        write!(
            f,
            "{count} numbers were skipped: the room began anew there, for example because the history of the hub was \
             moved or restored; the hub does not know of any message that is missing"
        )
    }
}
