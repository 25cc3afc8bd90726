//! Files under a simulated ring are the kernel's: opened, read and written by plain system calls
//! while the operation is issued. A file that could block (anything but a regular file, at its own
//! position) is refused, so that no test hangs.

use crate::driver::operation::Operation;
use std::io;
use std::os::fd::RawFd;

/// Performs a file operation at once and answers its result. EOPNOTSUPP: not an operation on a
/// regular file with an offset.
pub(super) fn perform(operation: &Operation) -> i32 {
    match *operation {
        Operation::Read {
            fd,
            into,
            len,
            offset,
        } => at(fd, offset, |offset| {
            // SAFETY: the submitter keeps `len` writable bytes until the completion (pread(2)).
            // Guarded by `files_are_the_kernels`.
            unsafe { libc::pread(fd, into.cast(), len as usize, offset) }
        }),
        Operation::Write {
            fd,
            from,
            len,
            offset,
        } => at(fd, offset, |offset| {
            // SAFETY: the submitter keeps `len` readable bytes until the completion (pwrite(2)).
            // Guarded by `files_are_the_kernels`.
            unsafe { libc::pwrite(fd, from.cast(), len as usize, offset) }
        }),
        Operation::Open {
            directory,
            path,
            flags,
            mode,
        } => {
            let flags = flags | libc::O_NONBLOCK;
            // SAFETY: the submitter keeps the path, which ends with a zero, until the completion
            // (openat(2)). Guarded by `files_are_the_kernels`.
            answer(unsafe { libc::openat(directory, path, flags, mode) } as isize)
        }
        Operation::OpenBeneath {
            directory,
            path,
            how,
        } => {
            let size = size_of::<io_uring::types::OpenHow>();
            // SAFETY: the submitter keeps the path, which ends with a zero, and `how` until the
            // completion; the size is that of `how` (openat2(2)). Guarded by
            // `files_are_the_kernels`.
            let opened = unsafe { libc::syscall(libc::SYS_openat2, directory, path, how, size) };
            answer(opened as isize)
        }
        Operation::Statx {
            directory,
            path,
            flags,
            mask,
            into,
        } => {
            // SAFETY: the submitter keeps path and result in place until the completion
            // (statx(2)). Guarded by `files_are_the_kernels`.
            answer(unsafe { libc::statx(directory, path, flags, mask, into) } as isize)
        }
        _ => -libc::EOPNOTSUPP,
    }
}

/// Closes a descriptor of the kernel.
pub(super) fn close(fd: RawFd) -> i32 {
    // SAFETY: close(2) on a number whose owner gave it away with the operation. Guarded by
    // `files_are_the_kernels`.
    answer(unsafe { libc::close(fd) } as isize)
}

fn at(fd: RawFd, offset: u64, call: impl FnOnce(i64) -> isize) -> i32 {
    match i64::try_from(offset) {
        Ok(offset) if is_regular(fd) => answer(call(offset)),
        _ => -libc::EOPNOTSUPP,
    }
}

fn is_regular(fd: RawFd) -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat(2) fills the result if it answers 0, and only then it is read. Guarded by
    // `files_are_the_kernels`.
    unsafe {
        libc::fstat(fd, stat.as_mut_ptr()) == 0
            && stat.assume_init().st_mode & libc::S_IFMT == libc::S_IFREG
    }
}

fn answer(result: isize) -> i32 {
    if result < 0 {
        -io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO)
    } else {
        i32::try_from(result).unwrap_or(i32::MAX)
    }
}
