//! The services by hand: `LengthDelimitedCodec`, an enum of frames, and ids.

pub(crate) mod bridge;
mod calls;
pub(crate) mod device;
pub(crate) mod key_value;
pub(crate) mod transfer;
mod wire;
