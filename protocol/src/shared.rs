//! A value that many sessions share.

/// A counted reference: `Arc`, or `Rc` where the target has no atomic numbers.
#[cfg(target_has_atomic = "ptr")]
pub type Shared<T> = alloc::sync::Arc<T>;
/// A counted reference: `Arc`, or `Rc` where the target has no atomic numbers.
#[cfg(not(target_has_atomic = "ptr"))]
pub type Shared<T> = alloc::rc::Rc<T>;
