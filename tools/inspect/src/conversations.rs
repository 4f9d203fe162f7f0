//! The TCP streams of a capture.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::account::Bytes;
use super::conversation::{Conversation, Out};
use super::early::Early;
use super::event::Event;
use super::options::Options;
use super::packet::Segment;

/// The most streams that are followed at a time.
const MAX_STREAMS: usize = 1 << 16;

/// The addresses of both ends of a stream, the lesser one first.
type Ends = (SocketAddr, SocketAddr);

/// What became of the streams and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    /// Streams that do not look like Bookend, or were not asked for.
    pub(super) left_out: u64,
    /// Streams that were not inspected because too many were open at a time.
    pub(super) not_followed: u64,
    /// Bytes of holes that arrived after all.
    pub(super) late: u64,
    pub(super) bytes: Bytes,
}

/// The TCP streams of a capture.
#[derive(Debug)]
pub(super) struct Conversations<'a> {
    options: &'a Options,
    streams: HashMap<Ends, Conversation>,
    early: HashMap<Ends, Early>,
    count: u64,
    fate: Fate,
}

impl Conversations<'_> {
    pub(super) fn new(options: &Options) -> Conversations<'_> {
        let (streams, early) = (HashMap::new(), HashMap::new());
        Conversations { options, streams, early, count: 0, fate: Fate::default() }
    }

    pub(super) fn segment<E>(&mut self, segment: &Segment<'_>, out: Out<'_, E>) -> Result<(), E> {
        let ends = (segment.from.min(segment.to), segment.from.max(segment.to));
        if let Some(early) = self.early.get(&ends) {
            if !(segment.syn && early.is_replaced_by(segment)) {
                return self.hold(ends, early.number, segment, out);
            }
            self.release(ends, out)?;
        }
        if segment.syn && self.streams.get(&ends).is_some_and(|old| old.is_replaced_by(segment)) {
            let old = self.streams.remove(&ends).expect("it is in the map");
            self.close(old, out)?;
        }
        match self.streams.get(&ends) {
            Some(stream) if stream.lacks_start(segment) => self.hold(ends, stream.stream().number, segment, out),
            Some(_) => self.pass_on(ends, segment, out),
            None if segment.syn => {
                self.count += 1;
                if self.begin(ends, self.count, segment, None, out)? {
                    self.pass_on(ends, segment, out)
                } else {
                    Ok(())
                }
            }
            // The end of a stream that began before the capture.
            None if segment.rst || segment.payload.is_empty() => {
                self.fate.bytes.after_reset += segment.payload.len() as u64;
                Ok(())
            }
            None => {
                self.count += 1;
                self.hold(ends, self.count, segment, out)
            }
        }
    }

    /// The next packet may be a long time coming: holds nothing back.
    pub(super) fn pause<E>(&mut self, out: Out<'_, E>) -> Result<(), E> {
        let mut held: Vec<(u64, Ends)> = self.early.iter().map(|(ends, early)| (early.number, *ends)).collect();
        held.sort_unstable();
        held.into_iter().try_for_each(|(_, ends)| self.release(ends, out))
    }

    fn hold<E>(&mut self, ends: Ends, number: u64, segment: &Segment<'_>, out: Out<'_, E>) -> Result<(), E> {
        let stream = self.streams.get(&ends);
        let early = self.early.entry(ends).or_insert_with(|| Early::new(number));
        early.push(segment);
        if early.is_decided(|from| stream.is_some_and(|stream| stream.has_begun(from))) {
            self.release(ends, out)?;
        }
        Ok(())
    }

    /// Passes on the segments that were held.
    fn release<E>(&mut self, ends: Ends, out: Out<'_, E>) -> Result<(), E> {
        let Some(early) = self.early.remove(&ends) else { return Ok(()) };
        let Some(opening) = early.opening() else { return Ok(()) };
        if !self.streams.contains_key(&ends) && !self.begin(ends, early.number, &opening, early.server(), out)? {
            let others = early.segments().map(|segment| segment.payload.len() as u64).sum::<u64>();
            self.fate.bytes.not_followed += others - opening.payload.len() as u64;
            return Ok(());
        }
        for from in [ends.0, ends.1] {
            if let (Some(stream), Some(first)) = (self.streams.get_mut(&ends), early.first(from)) {
                stream.set_first(from, first, early.syn(from));
            }
        }
        early.segments().try_for_each(|segment| self.pass_on(ends, &segment, out))
    }

    fn pass_on<E>(&mut self, ends: Ends, segment: &Segment<'_>, out: Out<'_, E>) -> Result<(), E> {
        let Some(conversation) = self.streams.get_mut(&ends) else { return Ok(()) };
        let was_over = conversation.is_over();
        conversation.segment(segment, self.options, out)?;
        if conversation.is_done() && !was_over {
            conversation.finish(self.options, out)?;
            self.fate.left_out += u64::from(!conversation.is_shown());
        }
        if conversation.is_over() {
            self.fate.count(conversation);
        }
        Ok(())
    }

    /// Begins to follow a stream. False if it is not followed.
    fn begin<E>(
        &mut self,
        ends: Ends,
        number: u64,
        opening: &Segment<'_>,
        server: Option<SocketAddr>,
        out: Out<'_, E>,
    ) -> Result<bool, E> {
        if self.streams.len() >= MAX_STREAMS {
            self.streams.retain(|_, stream| !stream.is_over());
        }
        if self.streams.len() >= MAX_STREAMS {
            self.fate.not_followed += u64::from(opening.syn);
            self.fate.bytes.not_followed += opening.payload.len() as u64;
            return Ok(false);
        }
        let conversation = Conversation::new(opening, server, number, self.options);
        if conversation.is_shown() {
            out(None, Event::Stream(conversation.stream()))?;
        }
        self.streams.insert(ends, conversation);
        Ok(true)
    }

    /// The capture ends.
    pub(super) fn end<E>(&mut self, out: Out<'_, E>) -> Result<Fate, E> {
        self.pause(out)?;
        let mut rest: Vec<Conversation> = self.streams.drain().map(|(_, stream)| stream).collect();
        rest.sort_by_key(|conversation| conversation.stream().number);
        for conversation in rest {
            self.close(conversation, out)?;
        }
        Ok(self.fate)
    }

    fn close<E>(&mut self, mut conversation: Conversation, out: Out<'_, E>) -> Result<(), E> {
        if !conversation.is_over() {
            conversation.finish(self.options, out)?;
            self.fate.left_out += u64::from(!conversation.is_shown());
        }
        self.fate.count(&mut conversation);
        Ok(())
    }
}

impl Fate {
    /// Adds what became of the bytes of a stream that is over.
    fn count(&mut self, conversation: &mut Conversation) {
        let (bytes, late) = conversation.take_bytes();
        self.bytes.add(bytes);
        self.late += late;
    }
}
