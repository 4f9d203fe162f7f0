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

/// Inspects, and returns the exit code. It reads and writes without a runtime: nothing else happens meanwhile.
pub(crate) fn run(arguments: &InspectArguments) -> Exit {
    if arguments.lacks_input() {
        complain("name a FILE, or pipe something in; bookend inspect --help says more");
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
            complain(&format!("{name}: {error}"));
            return Exit::WrongArgument;
        }
    };
    if let Some(damage) = &outcome.damage {
        complain(damage);
    }
    if arguments.verbose {
        for (stage, time) in
            [("opening, and judging the form", outcome.opening), ("reading and writing", outcome.reading)]
        {
            complain(&format!("{stage}: {:.1} ms", time.as_secs_f64() * 1000.0));
        }
    }
    match outcome.unwritten {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("standard output: {error}"));
            Exit::Fault
        }
        _ if outcome.is_faultless() => Exit::Well,
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

/// Reports something that went wrong, in one line.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "bookend: {}", escaped(what)); // nobody may read it
}

/// Standard output; the progress bar makes room for it.
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
