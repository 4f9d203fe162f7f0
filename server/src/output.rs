//! Bytes for one peer alone that wait to be written: whole frames or lines.

#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// How many of them have been written.
    written: usize,
}

impl Output {
    /// Has everything been written?
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// What has not been written.
    pub(crate) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Appends bytes, without a copy if there are no others.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) {
        if self.is_empty() {
            *self = Output { bytes, written: 0 };
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    /// The buffer to append to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// `count` bytes have been written.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
        }
    }

    /// Puts bytes before those that have not been written.
    pub(crate) fn prepend(&mut self, mut bytes: Vec<u8>) {
        bytes.extend_from_slice(self.unwritten());
        *self = Output { bytes, written: 0 };
    }

    /// Frees the memory if everything has been written.
    pub(crate) fn release(&mut self) {
        if self.is_empty() && self.bytes.capacity() > 0 {
            *self = Output::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_order_and_what_is_prepended_first() {
        let mut output = Output::default();
        output.push(b"abc".to_vec());
        output.buffer().extend_from_slice(b"def");
        output.wrote(2);
        output.prepend(b"xy".to_vec());
        assert_eq!(output.unwritten(), b"xycdef");
        output.wrote(6);
        assert!(output.is_empty());
        output.push(b"g".to_vec());
        assert_eq!(output.unwritten(), b"g");
    }
}
