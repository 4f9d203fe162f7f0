//! The services with Bookend.

pub(crate) mod bridge;
pub(crate) mod device;
pub(crate) mod key_value;
pub(crate) mod transfer;
