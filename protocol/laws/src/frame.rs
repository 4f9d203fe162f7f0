//! The laws of framing (SPEC 2).

use bookend::{Decoder, Fault, Frame, OVERHEAD, ReadBuffer};

use crate::{Verdict, ends, memory, message, reason};

/// Something that finds the frames in a stream, as [`Decoder`] does.
pub trait Reader {
    /// A reader of bodies of at most `limit` bytes.
    fn new(limit: u32) -> Self;

    /// The next frame, as [`Decoder::decode`] gives it.
    ///
    /// # Errors
    /// The faults of framing.
    fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Fault>;
}

impl Reader for Decoder {
    fn new(limit: u32) -> Decoder {
        Decoder::new(limit)
    }

    fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Fault> {
        self.decode(input)
    }
}

/// What a stream yielded.
#[derive(Debug, PartialEq, Eq)]
struct Reading<'a> {
    frames: Vec<Frame<'a>>,
    /// How many bytes the frames used.
    used: usize,
    fault: Option<Fault>,
}

/// Every law of framing for one stream, and of bodies for each of its frames.
///
/// # Errors
/// The law that is broken.
pub fn every<R: Reader>(limit: u32, stream: &[u8], cuts: &[usize]) -> Verdict {
    rechunking::<R>(limit, stream, cuts)?;
    canonical::<R>(limit, stream)?;
    sticky::<R>(limit, stream, stream)?;
    bounded::<R>(limit, stream, cuts)?;
    read::<R>(limit, stream, &[stream.len()])?.frames.into_iter().try_for_each(message::every)
}

/// Law 1. Frames written one after another are read again, the same frames in the same order, and nothing is left,
/// under a limit equal to the longest body. Under a limit that is one less, that body is too long.
///
/// # Errors
/// How the law is broken.
pub fn round_trip<R: Reader>(frames: &[Frame<'_>]) -> Verdict {
    let mut stream = Vec::new();
    for frame in frames {
        frame.encode(&mut stream);
    }
    let longest = frames.iter().map(|frame| frame.body().len()).max().unwrap_or(0);
    let longest = u32::try_from(longest).map_err(|_| "a body for a test is short")?;

    let reading = read::<R>(longest, &stream, &[stream.len()])?;
    let wanted = Reading { frames: frames.to_vec(), used: stream.len(), fault: None };
    demand!(reading == wanted, "round trip: {wanted:?} was written, {reading:?} read");

    if let Some(limit) = longest.checked_sub(1) {
        let fault = read::<R>(limit, &stream, &[stream.len()])?.fault;
        let too_long = matches!(fault, Some(Fault::TooLong { length, max, .. })
            if length == u64::from(longest) && max == limit);
        demand!(too_long, "round trip: {longest} bytes under a limit of {limit} are {fault:?}");
    }
    Ok(())
}

/// Law 2. A stream that arrives whole, cut anywhere, or one byte at a time gives the same frames, uses the same bytes
/// and ends in the same fault.
///
/// # Errors
/// How the law is broken.
pub fn rechunking<R: Reader>(limit: u32, stream: &[u8], cuts: &[usize]) -> Verdict {
    let whole = read::<R>(limit, stream, &[stream.len()])?;
    let cut = read::<R>(limit, stream, &ends(stream, cuts))?;
    demand!(cut == whole, "re-chunking: whole {whole:?}, cut at {cuts:?} {cut:?}");
    let bytes = read::<R>(limit, stream, &(1..=stream.len()).collect::<Vec<_>>())?;
    demand!(bytes == whole, "re-chunking: whole {whole:?}, one byte at a time {bytes:?}");
    Ok(())
}

/// Law 3. The frames of a stream, written again, are the bytes that they were read from; so are their parts.
///
/// # Errors
/// How the law is broken.
pub fn canonical<R: Reader>(limit: u32, stream: &[u8]) -> Verdict {
    let reading = read::<R>(limit, stream, &[stream.len()])?;
    let mut written = Vec::new();
    for frame in &reading.frames {
        let start = written.len();
        frame.encode(&mut written);
        let (header, body, end) = frame.parts();
        let parts = [&header, body, &end].concat();
        demand!(written[start..] == parts, "canonical: {frame:?} is not what its parts are");
    }
    let read = &stream[..reading.used];
    demand!(written == read, "canonical: {read:02x?} was read, {written:02x?} written");
    Ok(())
}

/// Law 5. Reading allocates nothing, whatever the headers claim.
///
/// # Errors
/// How the law is broken.
pub fn bounded<R: Reader>(limit: u32, stream: &[u8], cuts: &[usize]) -> Verdict {
    let ends = ends(stream, cuts);
    let (allocated, ()) = memory::allocated(|| {
        let mut reader = R::new(limit);
        let mut used = 0;
        for end in ends.iter().copied() {
            let mut rest = &stream[used..end];
            while let Ok(Some(_)) = reader.read(&mut rest) {}
            used = end - rest.len();
        }
    })?;
    demand!(allocated == 0, "bounded: {allocated} bytes were allocated for {} bytes of input", stream.len());
    Ok(())
}

/// Law 5, for a buffer in which a long frame arrives. However the frame is cut into reads, the buffer holds at most
/// 65,536 bytes more than has arrived, or twice what has arrived if that is more (R8.1).
///
/// # Errors
/// How the law is broken.
pub fn buffered(reads: &[usize]) -> Verdict {
    let mut buffer = ReadBuffer::new();
    let (mut arrived, mut held) = (0, 0);
    for &read in reads {
        let (allocated, room) = memory::allocated(|| buffer.space().len())?;
        held += allocated;
        demand!(room >= 32 << 10, "bounded: room for {room} bytes, less than 32 KiB");
        let read = read.min(room);
        let most = arrived + (2 * arrived).max(65_536);
        demand!(held <= most, "bounded: {held} bytes are held for {arrived}");
        buffer.add(read);
        arrived += read;
    }
    Ok(())
}

/// Law 6. A fault is returned again whatever arrives then, and nothing is used.
///
/// # Errors
/// How the law is broken.
pub fn sticky<R: Reader>(limit: u32, stream: &[u8], further: &[u8]) -> Verdict {
    let mut reader = R::new(limit);
    let mut rest = stream;
    let fault = loop {
        match reader.read(&mut rest) {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(fault) => break fault,
        }
    };
    let sound = b"\xF5\xF8\x02\x02\0\0\0\0\xF8\xF5";
    for mut input in [rest, further, sound, b"", &further[further.len() / 2..]] {
        let given = input.len();
        let again = reader.read(&mut input);
        demand!(again == Err(fault) && input.len() == given, "sticky: {again:?} after {fault:?}");
    }
    Ok(())
}

/// Reads a stream as it arrives up to each of `ends`, and judges law 4 on the way: a frame uses its own bytes, a fault
/// uses none, and anything else asks for more.
fn read<'a, R: Reader>(limit: u32, stream: &'a [u8], ends: &[usize]) -> Result<Reading<'a>, String> {
    let mut reader = R::new(limit);
    let mut reading = Reading { frames: Vec::new(), used: 0, fault: None };
    for &end in ends {
        let mut rest = &stream[reading.used..end];
        loop {
            let before = rest.len();
            let step = reader.read(&mut rest);
            let used = before - rest.len();
            let wanted = if let Ok(Some(frame)) = &step { frame.body().len() + OVERHEAD } else { 0 };
            demand!(used == wanted, "total: {used} bytes were used for {step:?}");
            reading.used += used;
            match step {
                Ok(Some(frame)) => reading.frames.push(frame),
                Ok(None) => break,
                Err(fault) => {
                    reason::sendable(fault.name(), fault)?;
                    reading.fault = Some(fault);
                    return Ok(reading);
                }
            }
        }
    }
    Ok(reading)
}
