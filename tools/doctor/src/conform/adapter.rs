//! An adapter as a running process (interop/README.md): one request line in, one answer line out.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::memory::Memory;

/// How often an adapter may hang or end.
const MAX_FAILURES: u32 = 3;
/// The longest answer, in bytes: twice the longest request that a vector makes, and room.
const MAX_ANSWER: u64 = 64 << 20;

/// Keeps one process running, and starts it again, a few times, if it hangs or ends.
pub(super) struct Adapter<'a> {
    command: &'a [String],
    patience: Duration,
    failures: u32,
    running: Option<Running>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// This time.
    Failed(String),
    /// It has failed so often that it is not asked any more.
    GivenUp,
}

impl<'a> Adapter<'a> {
    /// Starts it.
    pub(super) fn start(command: &'a [String], patience: Duration) -> io::Result<Adapter<'a>> {
        let running = Some(Running::start(command)?);
        Ok(Adapter { command, patience, failures: 0, running })
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
        match timeout(self.patience, running.exchange(request)).await {
            Ok(Ok(answer)) => {
                self.running = Some(running);
                Ok(answer)
            }
            Ok(Err(error)) => {
                let status = running.end().await.map_or_else(String::new, |status| format!(", {status}"));
                Err(self.failed(format!("{error}{status}")))
            }
            Err(_) => {
                running.end().await;
                Err(self.failed(format!("no answer within {} s", self.patience.as_secs_f64())))
            }
        }
    }

    /// Ends its process: the next answer is a new one's.
    pub(super) async fn renew(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.end().await;
        }
    }

    fn failed(&mut self, why: String) -> NoAnswer {
        self.failures += 1;
        NoAnswer::Failed(why)
    }

    /// What its process has used, at its peak; `None` where that is not known.
    pub(super) fn memory(&self) -> Option<Memory> {
        Memory::peak_of(self.running.as_ref()?.child.id()?)
    }

    /// Ends its input; it is to end by itself, with status 0. `Ok(None)` if it does not run.
    pub(super) async fn close(self) -> Result<Option<ExitStatus>, NoAnswer> {
        let Some(Running { mut child, input, mut output }) = self.running else { return Ok(None) };
        drop(input);
        let ending = async {
            let mut rest = [0; 1024];
            while output.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            child.wait().await
        };
        match timeout(self.patience, ending).await {
            Ok(Ok(status)) => Ok(Some(status)),
            Ok(Err(error)) => Err(NoAnswer::Failed(error.to_string())),
            Err(_) => Err(NoAnswer::Failed("it goes on after the end of its input".into())),
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
        Ok(Running { child, input, output })
    }

    async fn exchange(&mut self, request: &str) -> io::Result<String> {
        let asking = async {
            self.input.write_all(request.as_bytes()).await?;
            self.input.write_all(b"\n").await?;
            self.input.flush().await
        };
        let mut answer = Vec::new();
        // Who answers before the request is whole is not to block.
        let mut output = (&mut self.output).take(MAX_ANSWER);
        let (asked, answered) = tokio::join!(asking, output.read_until(b'\n', &mut answer));
        answered?;
        if answer.pop() != Some(b'\n') {
            asked?;
            return Err(io::Error::other("it ended without a whole answer"));
        }
        if answer.last() == Some(&b'\r') {
            answer.pop();
        }
        Ok(String::from_utf8(answer).unwrap_or_else(|error| error.as_bytes().escape_ascii().to_string()))
    }

    /// Ends the process.
    async fn end(&mut self) -> Option<ExitStatus> {
        // One that has ended already need not be killed.
        let _killed = self.child.start_kill();
        self.child.wait().await.ok()
    }
}
