//! The TCP streams of a capture.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::conversation::{Conversation, Out};
use super::event::Event;
use super::options::Options;
use super::packet::Segment;

/// The most streams that are followed at a time.
const MAX_STREAMS: usize = 1 << 16;

/// The number of streams that were not inspected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Omitted {
    /// Streams that do not look like Bookend, or were not asked for.
    pub(super) streams: u64,
    /// Streams that were not inspected because too many were open at a time.
    pub(super) not_followed: u64,
}

/// The TCP streams of a capture.
#[derive(Debug)]
pub(super) struct Conversations<'a> {
    options: &'a Options,
    /// By the addresses of both ends, the lesser one first.
    streams: HashMap<(SocketAddr, SocketAddr), Conversation>,
    count: u64,
    omitted: Omitted,
}

impl Conversations<'_> {
    pub(super) fn new(options: &Options) -> Conversations<'_> {
        Conversations { options, streams: HashMap::new(), count: 0, omitted: Omitted::default() }
    }

    pub(super) fn segment<E>(&mut self, segment: &Segment<'_>, out: Out<'_, E>) -> Result<(), E> {
        let key = (segment.from.min(segment.to), segment.from.max(segment.to));
        if self.streams.get(&key).is_some_and(|old| old.is_replaced_by(segment)) {
            let old = self.streams.remove(&key).expect("it is in the map");
            self.close(old, out)?;
        }
        if !self.streams.contains_key(&key) && !self.begin(key, segment, out)? {
            return Ok(());
        }
        let conversation = self.streams.get_mut(&key).expect("it is in the map");
        conversation.segment(segment, self.options, out)?;
        if conversation.is_done() && !conversation.is_over() {
            conversation.finish(self.options, out)?;
            self.omitted.streams += u64::from(!conversation.is_shown());
        }
        Ok(())
    }

    /// Begins to follow a stream. False if it is not followed.
    fn begin<E>(&mut self, key: (SocketAddr, SocketAddr), segment: &Segment<'_>, out: Out<'_, E>) -> Result<bool, E> {
        if segment.rst || (segment.payload.is_empty() && !segment.syn) {
            return Ok(false); // the end of a stream that began before the capture
        }
        if self.streams.len() >= MAX_STREAMS {
            self.streams.retain(|_, stream| !stream.is_over());
        }
        if self.streams.len() >= MAX_STREAMS {
            self.omitted.not_followed += u64::from(segment.syn);
            return Ok(false);
        }
        self.count += 1;
        let conversation = Conversation::new(segment, self.count, self.options);
        if conversation.is_shown() {
            out(None, Event::Stream(conversation.stream()))?;
        }
        self.streams.insert(key, conversation);
        Ok(true)
    }

    /// The capture ends.
    pub(super) fn end<E>(&mut self, out: Out<'_, E>) -> Result<Omitted, E> {
        let mut rest: Vec<Conversation> = self.streams.drain().map(|(_, stream)| stream).collect();
        rest.sort_by_key(|conversation| conversation.stream().number);
        for conversation in rest {
            self.close(conversation, out)?;
        }
        Ok(self.omitted)
    }

    fn close<E>(&mut self, mut conversation: Conversation, out: Out<'_, E>) -> Result<(), E> {
        if conversation.is_over() {
            return Ok(());
        }
        conversation.finish(self.options, out)?;
        self.omitted.streams += u64::from(!conversation.is_shown());
        Ok(())
    }
}
