//! Both directions of a stream, whose order a dump shows.

use bookend::{START, kind};

use super::conversation::Out;
use super::event::{Event, Origin};
use super::options::{MAX_BODY, Options};
use super::side::Side;
use super::walker::{End, Walker};

/// Both directions of the only stream.
pub(super) struct Dialogue {
    max_body: Option<u32>,
    client: Option<Direction>,
    server: Option<Direction>,
}

struct Direction {
    walker: Walker,
    /// The walker has the HELLO of the other side.
    has_peer: bool,
}

impl Dialogue {
    pub(super) fn new(options: &Options) -> Dialogue {
        Dialogue { max_body: options.max_body, client: None, server: None }
    }

    /// Takes the next bytes of `sender`.
    pub(super) fn push<E>(&mut self, sender: Side, bytes: &[u8], out: Out<'_, E>) -> Result<(), E> {
        let limit = self.max_body.unwrap_or(MAX_BODY);
        let (mine, other) = match sender {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        let other = other.as_ref().map(|other| &other.walker);
        let direction = mine.get_or_insert_with(|| Direction {
            // A stream that does not begin with HELLO began earlier.
            walker: Walker::new(is_begun(bytes).then_some(sender), true, limit),
            has_peer: false,
        });
        if let Some(hello) = other.and_then(Walker::hello)
            && !std::mem::replace(&mut direction.has_peer, true)
        {
            let limit = self.max_body.is_none().then_some(hello.max_body());
            direction.walker.set_peer(hello.clone(), limit);
        }
        if sender == Side::Server {
            direction.walker.set_client_frames(other.and_then(Walker::frames));
        }
        direction.walker.push(bytes, &mut |event| out(Some(origin(sender)), event))
    }

    /// The dump ends.
    pub(super) fn end<E>(&mut self, end: End, out: Out<'_, E>) -> Result<(), E> {
        for (sender, direction) in [(Side::Client, self.client.take()), (Side::Server, self.server.take())] {
            if let Some(mut direction) = direction {
                direction.walker.end(end, &mut |event: Event<'_>| out(Some(origin(sender)), event))?;
            }
        }
        Ok(())
    }
}

/// False if the first frame is another than HELLO.
fn is_begun(bytes: &[u8]) -> bool {
    !bytes.starts_with(&START) || bytes.get(START.len()) == Some(&kind::HELLO)
}

fn origin(sender: Side) -> Origin {
    Origin { stream: 1, sender }
}
