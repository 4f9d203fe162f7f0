//! `bookend inspect`: a capture or a dump, frame by frame.

mod arguments;
mod progress;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anstream::AutoStream;
use bookend::escaped;
use bookend_inspect::{Input, inspect};
use indicatif::ProgressBar;

pub(crate) use arguments::InspectArguments;

use crate::exit::Exit;

/// Inspects the input and returns the exit code. It reads and writes without a runtime, because nothing else happens
/// at the same time.
pub(crate) fn run(arguments: &InspectArguments) -> Exit {
    if arguments.lacks_input() {
        report("no input: name a FILE, or pipe the input to standard input; see bookend inspect --help");
        return Exit::WrongArgument;
    }
    let progress = ProgressBar::hidden();
    let path = arguments.path();
    let opened = open(path, &progress).and_then(|input| {
        let out = Output { out: AutoStream::new(io::stdout(), arguments.color.choice()), progress: progress.clone() };
        inspect(input.with_timeout(arguments.timeout), &arguments.options(), out)
    });
    progress.finish_and_clear();
    let outcome = match opened {
        Ok(outcome) => outcome,
        Err(error) => {
            let name = path.map_or("standard input".into(), |path| path.display().to_string());
            report(&format!("{name}: {error}"));
            return Exit::WrongArgument;
        }
    };
    if let Some(damage) = &outcome.damage {
        report(damage);
    }
    if arguments.verbose {
        for (stage, time) in
            [("opening, and detecting the format", outcome.opening), ("reading and writing", outcome.reading)]
        {
            report(&format!("{stage}: {:.1} ms", time.as_secs_f64() * 1000.0));
        }
    }
    match outcome.unwritten {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            report(&format!("standard output: {error}"));
            Exit::Fault
        }
        _ if outcome.is_faultless() => Exit::Success,
        _ => Exit::Fault,
    }
}

fn open(path: Option<&Path>, progress: &ProgressBar) -> io::Result<Input> {
    let metadata = path.map(std::fs::metadata).transpose()?;
    progress::show(progress, metadata.filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()));
    let progress = progress.clone();
    Ok(match path.map(Path::to_owned) {
        Some(path) => Input::from_fn(move || Ok(progress.wrap_read(File::open(path)?))),
        None => Input::from_fn(move || Ok(progress.wrap_read(io::stdin()))),
    })
}

/// Reports an error, in one line.
fn report(what: &str) {
    let _ = writeln!(io::stderr(), "bookend: {}", escaped(what)); // standard error may be closed
}

/// Standard output. The progress bar is hidden while it is written.
struct Output {
    out: AutoStream<io::Stdout>,
    progress: ProgressBar,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.suspend(|| self.out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
