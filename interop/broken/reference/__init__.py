"""A small Bookend peer and hub, written from SPEC.md, that is easy to break (see interop/broken/README.md)."""
