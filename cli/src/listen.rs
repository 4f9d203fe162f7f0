//! `bookend listen`: prints the messages of a room.

mod arguments;
mod record;
#[cfg(test)]
mod tests;

use std::future::ready;
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use bookend::{ConnectionError, Hello, Message};
use bookend_client::{Backoff, End, Event, HistoryError, Missed, Options, Up};
use tokio::select;

pub(crate) use arguments::ListenArguments;

use crate::console::{Console, Unread};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kept::{self, Moment, Reader, Session, Since, Start};
use crate::output;
use crate::receiver::{Receiver, over};
use crate::show::{OutputFormat, carries_content};
use crate::shutdown::{Shutdown, Signal};

/// The length at which lines are printed, in bytes.
const BATCH: usize = 64 << 10;
/// How long the last lines may take to be written to a file.
const FILE_TIMEOUT: Duration = Duration::from_secs(4);

/// Prints what the hub has kept, if that is wanted, and then what is said; to standard output, or to the end of a file.
pub(crate) async fn run(arguments: &ListenArguments, console: &Console, shutdown: &Shutdown) -> Result<(), Failure> {
    let Some(path) = &arguments.append else {
        if output::is_closed() {
            console.error(format_args!("standard output: it is closed, and nothing is printed"));
        }
        return print(arguments, arguments.start(), console, shutdown).await;
    };
    let (file, last) = record::open(path).map_err(|why| Failure::Unusable(format!("{}: {why}", path.display())))?;
    let last = last.map(|last| Start::Since(Since::Moment(Moment::Number(last))));
    let file = Console::file(file, path);
    let ended = print(arguments, last.or(arguments.start()), &file, shutdown).await;
    let is_written = file.finish(FILE_TIMEOUT);
    if is_written { ended } else { ended.and(Err(Failure::Reported(Exit::Fault))) }
}

/// The same. If the hub refuses to resume a lost session, as after its file was moved, what it keeps is read instead.
async fn print(
    arguments: &ListenArguments,
    start: Option<Start>,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let mut printer = Printer::before(arguments.format(), arguments.count, console);
    let (timeout, is_verbose) = (arguments.waiting.timeout, arguments.waiting.verbose);
    let options = |hello: Hello, is_first: bool| -> Result<Options, Failure> {
        let options = arguments.join.options(hello, timeout)?.with_retry_on_initial_connect(!is_first);
        Ok(options.with_backoff((!arguments.once).then(Backoff::default)))
    };
    let connect = async |hello, is_first| {
        Receiver::connect(options(hello, is_first)?, timeout, is_verbose, console, shutdown.signal()).await
    };
    let (mut start, mut is_first) = (start, true);
    loop {
        let mut hello = arguments.hello();
        if let Some(start) = start.take() {
            let session = connect(hello.clone(), is_first).await?;
            match print_kept(session, start, &mut printer, shutdown.signal()).await? {
                Some(last) => hello = hello.with_resume(last),
                None => return Ok(()),
            }
            (printer.resumed, is_first) = (hello.resume(), false);
        }
        listen(connect(hello, is_first).await?, &mut printer, shutdown.signal()).await?;
        match printer.forgotten.take() {
            Some(after) => (start, is_first) = (Some(Start::Since(Since::Moment(Moment::Number(after)))), false),
            None => return Ok(()),
        }
    }
}

/// Prints what the hub has kept before this session, and returns the number to resume after; `None` if nothing more is
/// wanted.
async fn print_kept(
    session: Session<'_>,
    start: Start,
    printer: &mut Printer<'_>,
    shutdown: impl Future<Output = Signal>,
) -> Result<Option<u64>, Failure> {
    let console = printer.console;
    // With which a hub can be asked to resume, too.
    let after = match start {
        Start::Since(Since::All) => Some(0),
        Start::Since(Since::Moment(Moment::Number(after))) => Some(after),
        _ => None,
    };
    let printed = kept::read(session, console, shutdown, async |sender, next_seq| {
        if let Some(after) = after.filter(|after| *after >= next_seq) {
            return Ok(Some(after)); // it is not known to the hub, which will say so
        }
        let mut reader = Reader::new(sender, start, next_seq).await?;
        loop {
            let events = match (reader.next().await, after) {
                (Ok(Some(events)), _) => events,
                (Ok(None), _) => return Ok(Some(next_seq.saturating_sub(1))),
                (Err(error @ HistoryError::NotKept { .. }), Some(after)) if reader.progress().0 == after => {
                    console.note(format_args!("{error}; what it still has in memory follows"));
                    return Ok(Some(after));
                }
                (Err(error), _) => return Err(error.into()),
            };
            for event in events {
                if let ControlFlow::Break(ended) = printer.add_kept(event) {
                    let _ = printer.print().await; // the reader may have closed the output
                    return ended.map(|()| None);
                }
            }
            if printer.print().await.is_err() {
                return Ok(None);
            }
        }
    });
    Ok(printed.await?.flatten())
}

/// Prints until the printer has printed all that is wanted, the hub closes for good, or the reader closes the output. When
/// a session ends for another reason, the client starts the next one.
async fn listen(
    (sender, mut receiver, up): Session<'_>,
    printer: &mut Printer<'_>,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let mut shutdown = pin!(shutdown);
    let mut unread = pin!(printer.console.unread());
    printer.add_welcome(&up);
    let ended = loop {
        let flow = select! {
            biased;
            signal = &mut shutdown => break Err(Failure::Signalled(signal)),
            () = &mut unread => break Ok(()),
            event = receiver.next(), if printer.lines.is_empty() => match event {
                Ok(event) => printer.add_all(event, &mut receiver),
                Err(failure) => break Err(failure),
            },
            () = ready(()), if !printer.lines.is_empty() => ControlFlow::Continue(()),
        };
        select! {
            biased;
            signal = &mut shutdown => break Err(Failure::Signalled(signal)),
            printed = printer.print() => if printed.is_err() {
                break Ok(());
            }
        }
        if let ControlFlow::Break(ended) = flow {
            break ended;
        }
    };
    match ended {
        Err(Failure::Signalled(_) | Failure::Gone(..)) => receiver.leave(&sender).await,
        _ => receiver.close(&sender).await,
    }
    ended
}

/// Turns events into output.
pub(crate) struct Printer<'a> {
    format: OutputFormat,
    console: &'a Console,
    /// The number of this client in the room.
    own: u32,
    /// Messages to print before the end, if there is a limit.
    left: Option<u64>,
    /// Lines to print.
    lines: Vec<u8>,
    /// The number after which the hub was asked to resume, once what it keeps was read.
    resumed: Option<u64>,
    /// The hub has refused to resume after this number: what it keeps is to be read.
    forgotten: Option<u64>,
}

/// Breaks after the last message that was wanted, or the last event.
pub(crate) type Flow = ControlFlow<Result<(), Failure>>;

impl<'a> Printer<'a> {
    /// A printer for the session `up` and the ones after it, for `count` messages if there is a count.
    pub(crate) fn new(format: OutputFormat, count: Option<u64>, console: &'a Console, up: &Up) -> Printer<'a> {
        let mut printer = Printer::before(format, count, console);
        printer.add_welcome(up);
        printer
    }

    /// A printer for what the hub has kept, before any session.
    pub(crate) fn before(format: OutputFormat, count: Option<u64>, console: &'a Console) -> Printer<'a> {
        Printer { format, console, own: 0, left: count, lines: Vec::new(), resumed: None, forgotten: None }
    }

    /// Adds an event, and the events that have already arrived after it.
    fn add_all(&mut self, first: Option<Event>, receiver: &mut Receiver<'_>) -> Flow {
        let mut next = first;
        while let Some(event) = next {
            if let Event::Missed(Missed::Unknown { after: Some(after) }) = event
                && self.resumed != Some(after)
            {
                self.forgotten = Some(after);
                return ControlFlow::Break(Ok(()));
            }
            self.add(event)?;
            next = if self.is_full() { None } else { receiver.ready() };
        }
        ControlFlow::Continue(())
    }

    /// True if it is time to print.
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= BATCH
    }

    /// Passes the lines to the console.
    pub(crate) async fn print(&mut self) -> Result<(), Unread> {
        self.console.print_all(&mut self.lines).await
    }

    /// Adds an event of what the hub has kept.
    fn add_kept(&mut self, event: Event) -> Flow {
        let Event::Missed(missed @ Missed::Skipped { .. }) = event else { return self.add(event) };
        // The room began anew there, which is not a mistake.
        if !self.format.has_events() {
            self.console.note(format_args!("{missed}"));
        }
        self.format.print_missed(missed, &mut self.lines);
        ControlFlow::Continue(())
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, event: Event) -> Flow {
        match event {
            Event::Up(up) => self.add_welcome(&up),
            Event::Message(incoming) => return self.add_message(&incoming.message()),
            Event::Missed(missed) => {
                // A GAP is an ordinary event, the others are not.
                if !self.format.has_events() || !matches!(missed, Missed::Gap { .. }) {
                    self.console.error(format_args!("{missed}"));
                }
                self.format.print_missed(missed, &mut self.lines);
            }
            Event::Down { error, .. } => self.format.print_down(&error, &mut self.lines),
            Event::Closed(End::Closed) => return ControlFlow::Break(Ok(())),
            // Without a count, the messages so far are all that was wanted.
            Event::Closed(End::PeerClosed) if self.left.is_none() => return ControlFlow::Break(Ok(())),
            Event::Closed(end) => {
                if let End::Failed(error) = &end {
                    self.format.print_down(error, &mut self.lines);
                }
                return ControlFlow::Break(Err(over(end)));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn add_welcome(&mut self, up: &Up) {
        if let Some(welcome) = &up.welcome {
            self.own = welcome.member;
            self.add_line(&welcome.message());
        }
    }

    fn add_message(&mut self, message: &Message<'_>) -> Flow {
        if let Message::Error(refusal) = message {
            let (code, reason) = (refusal.code, refusal.reason.to_str().into_owned());
            self.console.error(format_args!("{}", ConnectionError::Refused { code, reason }));
        }
        self.add_line(message);
        if let Some(left) = self.left.as_mut().filter(|_| carries_content(message)) {
            *left -= 1;
            if *left == 0 {
                return ControlFlow::Break(Ok(()));
            }
        }
        ControlFlow::Continue(())
    }

    fn add_line(&mut self, message: &Message<'_>) {
        self.format.print(message, self.own, &mut self.lines);
    }
}
