//! An adapter: a process that reads a request line and writes an answer line (interop/README.md).

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time;

use crate::memory::Memory;

/// How often an adapter may hang or exit before it is given up.
const MAX_FAILURES: u32 = 3;
/// The longest answer, in bytes: more than twice the longest request of a vector.
const MAX_ANSWER: u64 = 64 << 20;

/// Keeps one process running, and restarts it a few times if it hangs or exits.
pub(super) struct Adapter<'a> {
    command: &'a [String],
    timeouts: Timeouts,
    failures: u32,
    running: Option<Running>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// It has answered a request.
    has_answered: bool,
}

/// How long an adapter may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For an answer.
    pub(super) answer: Duration,
    /// For the first answer of a process, which has to start.
    pub(super) start: Duration,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// This request failed, for this reason.
    Failed(String),
    /// The adapter has failed too often.
    GivenUp,
}

impl<'a> Adapter<'a> {
    /// Starts the process.
    pub(super) fn start(command: &'a [String], timeouts: Timeouts) -> io::Result<Adapter<'a>> {
        let running = Some(Running::start(command)?);
        Ok(Adapter { command, timeouts, failures: 0, running })
    }

    /// The answer to one request.
    pub(super) async fn ask(&mut self, request: &str) -> Result<String, NoAnswer> {
        if self.failures >= MAX_FAILURES {
            return Err(NoAnswer::GivenUp);
        }
        let mut running = match self.running.take().map_or_else(|| Running::start(self.command), Ok) {
            Ok(running) => running,
            Err(error) => return Err(self.failed(error.to_string())),
        };
        let Timeouts { answer, start } = self.timeouts;
        let timeout = if running.has_answered { answer } else { answer.max(start) };
        match time::timeout(timeout, running.exchange(request)).await {
            Ok(Ok(answer)) => {
                running.has_answered = true;
                self.running = Some(running);
                Ok(answer)
            }
            Ok(Err(error)) => {
                let status = running.end().await.map_or_else(String::new, |status| format!(", {status}"));
                Err(self.failed(format!("{error}{status}")))
            }
            Err(_) => {
                running.end().await;
                Err(self.failed(format!("no answer within {} s", timeout.as_secs_f64())))
            }
        }
    }

    /// Kills the process. The next request starts a new one.
    pub(super) async fn restart(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.end().await;
        }
    }

    fn failed(&mut self, why: String) -> NoAnswer {
        self.failures += 1;
        NoAnswer::Failed(why)
    }

    /// The memory peak of the process; `None` if it is not known.
    pub(super) fn memory(&self) -> Option<Memory> {
        Memory::peak_of(self.running.as_ref()?.child.id()?)
    }

    /// Closes the standard input, on which the process must exit. `Ok(None)` if it does not run.
    pub(super) async fn close(self) -> Result<Option<ExitStatus>, NoAnswer> {
        let Some(Running { mut child, input, mut output, .. }) = self.running else { return Ok(None) };
        drop(input);
        let ending = async {
            let mut rest = [0; 1024];
            while output.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            child.wait().await
        };
        match time::timeout(self.timeouts.answer, ending).await {
            Ok(Ok(status)) => Ok(Some(status)),
            Ok(Err(error)) => Err(NoAnswer::Failed(error.to_string())),
            Err(_) => Err(NoAnswer::Failed("it does not exit at the end of its input".into())),
        }
    }
}

impl Running {
    fn start(command: &[String]) -> io::Result<Running> {
        let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Running { child, input, output, has_answered: false })
    }

    async fn exchange(&mut self, request: &str) -> io::Result<String> {
        let asking = async {
            self.input.write_all(request.as_bytes()).await?;
            self.input.write_all(b"\n").await?;
            self.input.flush().await
        };
        let mut answer = Vec::new();
        // An adapter that answers before it has read the whole request must not block.
        let mut output = (&mut self.output).take(MAX_ANSWER);
        let (asked, answered) = tokio::join!(asking, output.read_until(b'\n', &mut answer));
        answered?;
        if answer.pop() != Some(b'\n') {
            asked?;
            return Err(io::Error::other("it exited without a complete answer"));
        }
        if answer.last() == Some(&b'\r') {
            answer.pop();
        }
        Ok(String::from_utf8(answer).unwrap_or_else(|error| error.as_bytes().escape_ascii().to_string()))
    }

    /// Kills the process.
    async fn end(&mut self) -> Option<ExitStatus> {
        let _ = self.child.start_kill(); // it may have exited already
        self.child.wait().await.ok()
    }
}
