//! An allocator that counts, for the fifth law and for what an idle connection holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts the bytes that each thread asks for and gives back, and takes them from the system.
///
/// A program that uses [`allocated`] or [`held`] declares it: `#[global_allocator] static ALLOCATOR: Counting = Counting;`
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "the trait is unsafe; each call goes to the system's allocator as it is")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        uncount(layout.size().saturating_sub(size));
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        uncount(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(bytes: usize) {
    // A thread that is ending has no counter any more, and nothing to measure.
    let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get().saturating_add(bytes)));
}

fn uncount(bytes: usize) {
    let _ = FREED.try_with(|freed| freed.set(freed.get().saturating_add(bytes))); // as above
}

/// How many more bytes this thread holds after `action` than before, and what it returned. What it returned counts
/// too.
///
/// # Errors
/// As [`allocated`].
pub fn held<T>(action: impl FnOnce() -> T) -> Result<(isize, T), String> {
    let freed = FREED.get();
    let (asked_for, result) = allocated(action)?;
    let freed = FREED.get() - freed - 1; // the byte with which `allocated` tests the allocator
    Ok((asked_for.cast_signed() - freed.cast_signed(), result))
}

/// How many bytes `action` asks for on this thread, given back or not, and what it returns.
///
/// # Errors
/// Where [`Counting`] is not the program's allocator: it would count nothing, and prove nothing.
pub fn allocated<T>(action: impl FnOnce() -> T) -> Result<(usize, T), String> {
    let start = ALLOCATED.get();
    drop(std::hint::black_box(Box::new(0_u8)));
    demand!(ALLOCATED.get() > start, "memory: the counting allocator is not in use");
    let start = ALLOCATED.get();
    let result = action();
    Ok((ALLOCATED.get() - start, result))
}
