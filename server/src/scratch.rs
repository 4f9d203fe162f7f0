//! Buffers that a thread lends to the connection that it serves, so that idle connections hold none.

use std::cell::Cell;

/// The most bytes of one read, and of one write that is gathered from small pieces. With half of it, a load of long
/// messages costs a fifth more.
pub(crate) const SIZE: usize = 128 << 10;
/// The most bytes that are written, rendered or skipped for one connection before others go on.
pub(crate) const MAX_WORK: usize = 4 * SIZE;

thread_local! {
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends a buffer of at least `length` bytes to read into.
pub(crate) fn reading<T>(length: usize, read: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = READ.take();
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let result = read(&mut buffer);
    READ.set(buffer);
    result
}

/// Lends an empty buffer to gather a write in.
pub(crate) fn writing<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = WRITE.take();
    buffer.clear();
    let result = write(&mut buffer);
    WRITE.set(buffer);
    result
}
