//! Moving bytes inside the kernel: from a file or socket into a pipe, and on.

use super::File;
use crate::driver::Operation;
use crate::net::Stream;
use crate::op::{Handle, Kind, Memory};
use std::io;
use std::rc::Rc;

mod sealed {
    use crate::op::Handle;
    use std::rc::Rc;

    pub trait Handled {
        #[expect(private_interfaces, reason = "sealed: nobody outside can name it")]
        fn handle(&self) -> &Rc<Handle>;
    }
}

/// The descriptors that [`splice`] takes: files (ends of pipes among them) and streams.
///
/// ```
/// use ringgate_runtime::fs::{File, Spliceable};
/// use ringgate_runtime::net::TcpStream;
///
/// fn can_be_spliced<T: Spliceable>() {}
/// can_be_spliced::<File>();
/// can_be_spliced::<TcpStream>();
/// ```
pub trait Spliceable: sealed::Handled {}

impl Spliceable for File {}
impl<F> Spliceable for Stream<F> {}

impl sealed::Handled for File {
    #[expect(private_interfaces, reason = "sealed: nobody outside can name it")]
    fn handle(&self) -> &Rc<Handle> {
        &self.handle
    }
}

impl<F> sealed::Handled for Stream<F> {
    #[expect(private_interfaces, reason = "sealed: nobody outside can name it")]
    fn handle(&self) -> &Rc<Handle> {
        Stream::handle(self)
    }
}

/// Moves at most `len` bytes from one descriptor to another without copying them through this
/// process, and answers how many; 0 at the end of `from`. One of the two is a pipe. An offset is for
/// files; None means the file's own position, and is the only choice for pipes and streams. The
/// kernel does this on a worker thread (io_uring_prep_splice(3)): it pays for large bodies.
///
/// Dropped early, some bytes may have moved, and how many is not told. Bytes that a stream's reader
/// has received already are not seen here.
///
/// ```
/// use ringgate_runtime::fs::{File, splice};
/// use ringgate_runtime::net::TcpStream;
/// use std::io;
///
/// /// Moves the whole of a file into a socket by way of a pipe, whose two ends these are.
/// async fn send(file: &File, into: &File, out_of: &File, socket: &TcpStream) -> io::Result<u64> {
///     let mut sent = 0;
///     loop {
///         let mut left = match splice(file, Some(sent), into, None, 64 << 10).await? {
///             0 => return Ok(sent),
///             moved => moved,
///         };
///         sent += u64::from(left);
///         while left > 0 {
///             left -= splice(out_of, None, socket, None, left).await?;
///         }
///     }
/// }
/// ```
///
/// # Errors
/// EINVAL if neither is a pipe, ESPIPE for an offset where there can be none, and whatever else
/// splice(2) answers.
///
/// # Panics
/// Outside a [`Core`](crate::Core).
pub async fn splice(
    from: &impl Spliceable,
    from_offset: Option<u64>,
    to: &impl Spliceable,
    to_offset: Option<u64>,
    len: u32,
) -> io::Result<u32> {
    let (from, to) = (from.handle(), to.handle());
    let offset = |offset: Option<u64>| match offset.map(i64::try_from) {
        None => Ok(-1),
        Some(Ok(offset)) => Ok(offset),
        Some(Err(_)) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    let operation = Operation::Splice {
        from: from.raw(),
        from_offset: offset(from_offset)?,
        to: to.raw(),
        to_offset: offset(to_offset)?,
        len,
    };
    let memory = Memory::Handles(from.clone(), Some(to.clone()));
    let splice = crate::core::current().operate(Kind::Other, memory, |_| operation);
    Ok(splice.await.result()?)
}
