//! The laws of the session (SPEC 7).

use std::time::Duration;

use bookend::session::{MAX_PREAMBLE, MAX_REASON};
use bookend::{
    Decoder, Frame, Hello, Limits, MAX_LENGTH, MAX_PING, Message, OVERHEAD, Outcome, Role, Session, State, Step, kind,
};

use crate::{Verdict, ends, memory, reason};

/// One side of a connection, as [`Session`] is.
pub trait Party {
    /// A new party, at time 0.
    fn new(role: Role, local: Hello) -> Self;
    /// As [`Session::receive`].
    fn receive<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Step<'a>;
    /// As [`Session::take_output`].
    fn take_output(&mut self, out: &mut Vec<u8>);
    /// As [`Session::tick`].
    fn tick(&mut self, now: Duration);
    /// As [`Session::deadline`].
    fn deadline(&self) -> Option<Duration>;
    /// As [`Session::state`].
    fn state(&self) -> State;
    /// As [`Session::outcome`].
    fn outcome(&self) -> Option<&Outcome>;
}

impl Party for Session {
    fn new(role: Role, local: Hello) -> Session {
        Session::new(role, local, Limits::default(), Duration::ZERO)
    }

    fn receive<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Step<'a> {
        Session::receive(self, input, now)
    }

    fn take_output(&mut self, out: &mut Vec<u8>) {
        Session::take_output(self, out);
    }

    fn tick(&mut self, now: Duration) {
        Session::tick(self, now);
    }

    fn deadline(&self) -> Option<Duration> {
        Session::deadline(self)
    }

    fn state(&self) -> State {
        Session::state(self)
    }

    fn outcome(&self) -> Option<&Outcome> {
        Session::outcome(self)
    }
}

/// Every law of the session for what a peer sends: as the whole stream, and after its HELLO.
///
/// # Errors
/// The law that is broken.
pub fn every<P: Party>(role: Role, local: &Hello, peer: &Hello, stream: &[u8], cuts: &[usize]) -> Verdict {
    let mut open = Vec::new();
    peer.encode(&mut open);
    open.extend_from_slice(stream);
    for stream in [stream, &open] {
        rechunking::<P>(role, local, stream, cuts)?;
        punctual::<P>(role, local, stream)?;
        bounded::<P>(role, local, stream, cuts)?;
        sticky::<P>(role, local, stream, stream)?;
    }
    rest::<P>(local, peer, stream, stream)
}

/// Law 2. A stream that arrives whole, cut anywhere, or one byte at a time gives the same steps, the same output and
/// the same outcome. Laws 4 and 8 are judged on the way, at each step.
///
/// # Errors
/// How the law is broken.
pub fn rechunking<P: Party>(role: Role, local: &Hello, stream: &[u8], cuts: &[usize]) -> Verdict {
    let whole = Run::of::<P>(role, local, stream, &[stream.len()])?;
    let cut = Run::of::<P>(role, local, stream, &ends(stream, cuts))?;
    demand!(cut == whole, "re-chunking: whole {whole:?}, cut at {cuts:?} {cut:?}");
    let bytes = Run::of::<P>(role, local, stream, &(1..=stream.len()).collect::<Vec<_>>())?;
    demand!(bytes == whole, "re-chunking: whole {whole:?}, one byte at a time {bytes:?}");
    Ok(())
}

/// Law 4, for time. Before its deadline a session does nothing; at its deadline it does something, and the next
/// deadline is later, until it is closed. So a driver that sleeps until the deadline neither spins nor hangs.
///
/// # Errors
/// How the law is broken.
pub fn punctual<P: Party>(role: Role, local: &Hello, stream: &[u8]) -> Verdict {
    let mut party = after::<P>(role, local, stream)?;
    let mut last = Duration::ZERO;
    for _ in 0..8 {
        let Some(deadline) = party.deadline() else {
            let waits = match party.state() {
                State::Greeting | State::Closing => true,
                State::Open => local.keepalive() > 0,
                State::Closed => false,
            };
            demand!(!waits, "total: {:?} without a deadline", party.state());
            return Ok(());
        };
        demand!(deadline > last, "total: {deadline:?} is not due after {last:?}");
        let state = party.state();
        party.tick(deadline - Duration::from_nanos(1));
        let early = party.state() != state || party.deadline() != Some(deadline) || !output(&mut party).is_empty();
        demand!(!early, "total: {state:?} acts before {deadline:?}");
        party.tick(deadline);
        let silent = output(&mut party).is_empty();
        demand!(party.state() != state || !silent, "total: {state:?} does nothing at {deadline:?}");
        last = deadline;
    }
    Ok(())
}

/// Law 5. However much arrives, the output is at most a HELLO, one ERROR for each refused or cancelled frame, one CLOSE and one
/// PONG. An incomplete frame allocates nothing, whatever its header claims; only a client keeps the text before the
/// server's first frame, which is short.
///
/// # Errors
/// How the law is broken.
pub fn bounded<P: Party>(role: Role, local: &Hello, stream: &[u8], cuts: &[usize]) -> Verdict {
    let mut party = P::new(role, local.clone());
    let mut used = 0;
    let mut refused = 0;
    for end in ends(stream, cuts) {
        let mut rest = &stream[used..end];
        loop {
            let (allocated, step) = memory::allocated(|| party.receive(&mut rest, Duration::ZERO))?;
            match step {
                Step::More => {
                    let skips = role == Role::Client && party.state() == State::Greeting;
                    let kept = if skips { MAX_PREAMBLE } else { 0 };
                    demand!(allocated <= kept, "bounded: {allocated} bytes were allocated for {} bytes", rest.len());
                    break;
                }
                Step::Refused { .. } | Step::Message(Message::Cancel { .. }) => refused += 1,
                _ => {}
            }
        }
        used = end - rest.len();
    }
    let waits = output(&mut party).len();
    let hello = local.body().len() + OVERHEAD;
    let bound = hello + (refused + 1) * (OVERHEAD + 10 + MAX_REASON) + OVERHEAD + MAX_PING;
    demand!(waits <= bound, "bounded: {waits} bytes wait to be sent for {refused} refused frames");
    Ok(())
}

/// Law 6. A closing session keeps its outcome, sends nothing more and delivers nothing more, whatever arrives and
/// however late, and is closed 2 s later.
///
/// # Errors
/// How the law is broken.
pub fn sticky<P: Party>(role: Role, local: &Hello, stream: &[u8], further: &[u8]) -> Verdict {
    let mut party = after::<P>(role, local, stream)?;
    if !matches!(party.state(), State::Closing | State::Closed) {
        return Ok(());
    }
    let outcome = party.outcome().cloned();
    demand!(outcome.is_some(), "sticky: {:?} without an outcome", party.state());
    for (now, mut input) in (0..).zip([further, b"\xF5\xF8\x06\0\0\0\0\0\xF8\xF5", b"\xF5", &[0; 80_000]]) {
        let now = Duration::from_secs(now);
        let was = party.state();
        let step = party.receive(&mut input, now);
        let state = party.state();
        demand!(step == Step::More && input.is_empty(), "sticky: {step:?} after the end");
        demand!(was != State::Closed || state == was, "sticky: {state:?} after {was:?}");
        party.tick(now);
        let output_bytes = output(&mut party);
        demand!(output_bytes.is_empty(), "sticky: {output_bytes:02x?} is sent after CLOSE");
        demand!(party.outcome() == outcome.as_ref(), "sticky: {outcome:?} became {:?}", party.outcome());
    }
    demand!(party.state() == State::Closed, "sticky: {:?} after 2 s and 80,000 bytes", party.state());
    Ok(())
}

/// Law 8. Two open sessions, each of which then receives some frames in the other's name, answer one another and become
/// quiet: after the answers to those frames, neither sends anything but a CLOSE for a CLOSE.
///
/// # Errors
/// How the law is broken.
pub fn rest<P: Party>(client: &Hello, server: &Hello, to_client: &[u8], to_server: &[u8]) -> Verdict {
    let mut client = Side::<P>::new(Role::Client, client);
    let mut server = Side::<P>::new(Role::Server, server);
    server.receive(&output(&mut client.party))?;
    client.receive(&output(&mut server.party))?;
    let open = client.party.state() == State::Open && server.party.state() == State::Open;
    demand!(open, "quiet: two parties do not open");

    client.receive(whole_frames(to_client))?;
    server.receive(whole_frames(to_server))?;
    for round in 0.. {
        let output_bytes = [output(&mut client.party), output(&mut server.party)];
        if output_bytes.iter().all(Vec::is_empty) {
            break;
        }
        demand!(round < 3, "quiet: two sessions do not become quiet");
        for frame in frames(&output_bytes.concat())? {
            demand!(round == 0 || frame.kind() == kind::CLOSE, "quiet: a reply provokes {frame:?}");
        }
        client.receive(&output_bytes[1])?;
        server.receive(&output_bytes[0])?;
    }
    Ok(())
}

/// `stream` up to the frame that does not end in it: that frame would swallow what follows.
fn whole_frames(stream: &[u8]) -> &[u8] {
    let mut rest = stream;
    let mut decoder = Decoder::new(MAX_LENGTH);
    loop {
        match decoder.decode(&mut rest) {
            Ok(Some(_)) => {}
            Ok(None) => return &stream[..stream.len() - rest.len()],
            Err(_) => return stream,
        }
    }
}

/// A party and what it has received and not used.
struct Side<P> {
    party: P,
    unused: Vec<u8>,
}

impl<P: Party> Side<P> {
    fn new(role: Role, local: &Hello) -> Side<P> {
        Side { party: P::new(role, local.clone()), unused: Vec::new() }
    }

    fn receive(&mut self, output_bytes: &[u8]) -> Verdict {
        self.unused.extend_from_slice(output_bytes);
        let mut rest = &self.unused[..];
        while receive(&mut self.party, &mut rest)? != Step::More {}
        self.unused = rest.to_vec();
        Ok(())
    }
}

/// What a session made of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    /// What it reported to the application.
    steps: Vec<String>,
    /// What it sent, taken after each step.
    sent: Vec<u8>,
    state: State,
    outcome: Option<Outcome>,
    unused: usize,
}

impl Run {
    fn of<P: Party>(role: Role, local: &Hello, stream: &[u8], ends: &[usize]) -> Result<Run, String> {
        let mut party = P::new(role, local.clone());
        let mut steps = Vec::new();
        let mut sent = output(&mut party);
        let mut used = 0;
        for &end in ends {
            let mut rest = &stream[used..end];
            loop {
                let before = rest;
                let was_open = party.state() == State::Open;
                let step = receive(&mut party, &mut rest)?;
                let output_bytes = output(&mut party);
                if was_open {
                    quiet(&before[..before.len() - rest.len()], &output_bytes)?;
                }
                sent.extend_from_slice(&output_bytes);
                match step {
                    Step::More => break,
                    Step::Handled => {}
                    step => steps.push(format!("{step:?}")),
                }
            }
            used = end - rest.len();
        }
        Ok(Run { steps, sent, state: party.state(), outcome: party.outcome().cloned(), unused: stream.len() - used })
    }
}

/// Law 8, for one frame: an ERROR, a REPLY, a PONG or a CLOSE provokes no ERROR, and no answer but a CLOSE.
fn quiet(received_bytes: &[u8], output_bytes: &[u8]) -> Verdict {
    let reply = matches!(received_bytes.get(2), Some(&(kind::ERROR | kind::REPLY | kind::PONG | kind::CLOSE)));
    for frame in frames(output_bytes)? {
        demand!(!reply || frame.kind() == kind::CLOSE, "quiet: {received_bytes:02x?} provokes {frame:?}");
    }
    Ok(())
}

/// One call of `receive`, which makes progress (law 4): it uses input, or changes the state, or asks for more.
fn receive<'a, P: Party>(party: &mut P, input: &mut &'a [u8]) -> Result<Step<'a>, String> {
    let (length, state) = (input.len(), party.state());
    let step = party.receive(input, Duration::ZERO);
    let used = input.len() < length;
    match step {
        Step::More => {}
        Step::Handled => demand!(used || party.state() != state, "total: nothing of {length} bytes was handled"),
        Step::Refused { fault, .. } => {
            demand!(used, "total: {fault:?} used nothing");
            reason::sendable(fault.name(), fault)?;
        }
        step => demand!(used, "total: {step:?} used nothing"),
    }
    Ok(step)
}

/// A party after a stream, and after its output has been sent.
fn after<P: Party>(role: Role, local: &Hello, stream: &[u8]) -> Result<P, String> {
    let mut party = P::new(role, local.clone());
    let mut rest = stream;
    while receive(&mut party, &mut rest)? != Step::More {}
    output(&mut party);
    Ok(party)
}

fn output<P: Party>(party: &mut P) -> Vec<u8> {
    let mut out = Vec::new();
    party.take_output(&mut out);
    out
}

/// The frames that a session sends, which are sound and whole.
fn frames(output_bytes: &[u8]) -> Result<Vec<Frame<'_>>, String> {
    let mut rest = output_bytes;
    let mut decoder = Decoder::new(MAX_LENGTH);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.decode(&mut rest).map_err(|fault| format!("total: {fault:?} is sent"))? {
        frames.push(frame);
    }
    demand!(rest.is_empty(), "total: half a frame is sent: {rest:02x?}");
    Ok(frames)
}
