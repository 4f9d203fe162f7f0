//! Buffers that a thread lends to whichever connection is at work, so that idle ones hold none.

use std::cell::Cell;

/// What one read asks for and one write of many small pieces has at most, in bytes. With half of it the same load costs
/// a fifth more where messages are long.
pub(crate) const SIZE: usize = 128 << 10;

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

/// Lends an empty buffer to gather in what is to be written.
pub(crate) fn writing<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = WRITE.take();
    buffer.clear();
    let result = write(&mut buffer);
    WRITE.set(buffer);
    result
}
