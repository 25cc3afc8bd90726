//! Which io_uring features this kernel has, found by trying them and never by its version.
