//! Users and groups: looked up by name, and given up for good.
//!
//! Called at start, after binding, and before that for whatever is opened with another user's rights.
//! `process` tells who this process is; this file changes it. Deliberately knows no capabilities:
//! leaving user 0 drops all of them (capabilities(7)), and `rights` has a look at what is left.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::error::check;

/// Room for what a lookup brings, in bytes; grown if the system says that it is too little.
const LOOKUP_BYTES: usize = 4 << 10;
const LOOKUP_BYTES_MAX: usize = 1 << 20;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, as the database spells it; the number as text if the database has none.
    pub name: String,
    /// Number of the user.
    pub uid: u32,
    /// First group of the user.
    pub gid: u32,
}

/// The user of this name or number, with that user's own group. A number that the database does not know is
/// taken as it is, with the group of the same number.
///
/// # Errors
/// `NotFound` if the name is unknown; whatever getpwnam_r(3) and getpwuid_r(3) answer.
pub fn user(name: &str) -> io::Result<User> {
    let text = c_string(name)?;
    let read = |entry: &libc::passwd| (entry.pw_uid, entry.pw_gid);
    // SAFETY: getpwnam_r(3) reads the text up to its end, which is alive here. Guarded by
    // `users_and_groups_are_found_by_name_and_number`.
    let found = unsafe { look_up(text.as_ptr(), libc::getpwnam_r, read) };
    match (found, name.parse()) {
        (Ok((uid, gid)), _) => Ok(User {
            name: name.to_owned(),
            uid,
            gid,
        }),
        (Err(_), Ok(number)) => user_of_number(number),
        (Err(errno), Err(_)) => Err(unknown("user", name, errno)),
    }
}

fn user_of_number(uid: libc::uid_t) -> io::Result<User> {
    let read = |entry: &libc::passwd| {
        // SAFETY: an entry that was found has a name, which ends with a zero byte, in the memory that was lent
        // to the call (getpwuid_r(3)); it is alive while the entry is read. Guarded by
        // `a_number_that_the_database_knows_is_its_user_with_that_users_own_group`.
        let name = unsafe { CStr::from_ptr(entry.pw_name) };
        (name.to_owned(), entry.pw_gid)
    };
    // SAFETY: getpwuid_r(3) takes the number itself. Guarded by the same test.
    let found = unsafe { look_up(uid, libc::getpwuid_r, read) };
    match found {
        Ok((name, gid)) => {
            let unreadable = |_| {
                let text = format!("the name of user {uid} is not in UTF-8");
                io::Error::new(io::ErrorKind::InvalidData, text)
            };
            let name = name.into_string().map_err(unreadable)?;
            Ok(User { name, uid, gid })
        }
        Err(errno) if is_unknown(errno) => Ok(User {
            name: uid.to_string(),
            uid,
            gid: uid,
        }),
        // The user may be known, with another group.
        Err(errno) => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// The number of the group of this name or number.
///
/// # Errors
/// `NotFound` if the name is unknown; whatever getgrnam_r(3) answers.
pub fn group(name: &str) -> io::Result<u32> {
    let text = c_string(name)?;
    let read = |entry: &libc::group| entry.gr_gid;
    // SAFETY: getgrnam_r(3) reads the text up to its end, which is alive here. Guarded by
    // `users_and_groups_are_found_by_name_and_number`.
    let found = unsafe { look_up(text.as_ptr(), libc::getgrnam_r, read) };
    found.or_else(|errno| name.parse().map_err(|_| unknown("group", name, errno)))
}

/// getpwnam_r(3), getpwuid_r(3) or getgrnam_r(3), which differ in their key `K` and their entry `E` alone.
type Lookup<K, E> =
    unsafe extern "C" fn(K, *mut E, *mut libc::c_char, libc::size_t, *mut *mut E) -> libc::c_int;

/// Returns the value that `read` takes from the entry of this key; or the number of an error, 0 if there is no entry.
///
/// # Safety
/// A key that is a pointer points to text that ends with a zero byte, and is alive during the call.
unsafe fn look_up<K: Copy, E, T>(
    key: K,
    call: Lookup<K, E>,
    read: impl Fn(&E) -> T,
) -> Result<T, libc::c_int> {
    let mut room = vec![0 as libc::c_char; LOOKUP_BYTES];
    loop {
        let mut entry = MaybeUninit::<E>::zeroed();
        let mut found = std::ptr::null_mut();
        // SAFETY: getpwnam_r(3), getpwuid_r(3) and getgrnam_r(3) read the key, which the caller vouches for, and
        // write the entry and at most `room.len()` bytes of `room`, all alive here. Guarded by
        // `users_and_groups_are_found_by_name_and_number` and
        // `a_number_that_the_database_knows_is_its_user_with_that_users_own_group`.
        let errno = unsafe {
            call(
                key,
                entry.as_mut_ptr(),
                room.as_mut_ptr(),
                room.len(),
                &mut found,
            )
        };
        if errno == libc::ERANGE && room.len() < LOOKUP_BYTES_MAX {
            room.resize(room.len() * 2, 0);
            continue;
        }
        if found.is_null() {
            return Err(errno);
        }
        // SAFETY: `found` points at the entry, which the call has filled (getpwnam_r(3)); what it
        // points to itself is in `room`, which is alive. Guarded by the same tests.
        let entry = unsafe { entry.assume_init_ref() };
        return Ok(read(entry));
    }
}

fn c_string(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a zero byte"))
}

/// Whether a lookup that ended so found no entry (getpwnam_r(3), under ERRORS).
fn is_unknown(errno: libc::c_int) -> bool {
    matches!(
        errno,
        0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM
    )
}

fn unknown(what: &str, name: &str, errno: libc::c_int) -> io::Error {
    match is_unknown(errno) {
        true => {
            let text = format!("there is no {what} {name:?} on this machine");
            io::Error::new(io::ErrorKind::NotFound, text)
        }
        false => io::Error::from_raw_os_error(errno),
    }
}

/// Becomes this user and group for good, with the user's further groups, in every thread of the
/// process: the C library carries these calls to all threads (nptl(7)), the bare system calls are of
/// one thread. Afterwards there is no way back.
///
/// # Errors
/// EPERM unless this process is root; whatever else initgroups(3), setresgid(2) and setresuid(2)
/// answer. After an error the process may be in between: end it.
pub fn become_user(user: &User, gid: u32) -> io::Result<()> {
    let name = c_string(&user.name)?;
    // SAFETY: initgroups(3) reads the name, which is alive here. Guarded by
    // `every_thread_becomes_another_user_and_none_comes_back`.
    let result = unsafe { libc::initgroups(name.as_ptr(), gid) };
    check(result, "initgroups", user.name.clone())?;
    // SAFETY: setresgid(2) takes no pointer. Guarded by the same test.
    let result = unsafe { libc::setresgid(gid, gid, gid) };
    check(result, "setresgid", gid.to_string())?;
    // SAFETY: setresuid(2) takes no pointer. Guarded by the same test.
    let result = unsafe { libc::setresuid(user.uid, user.uid, user.uid) };
    check(result, "setresuid", user.uid.to_string())?;
    // SAFETY: as above. A way back would be a bug of the calls before.
    if user.uid != 0 && unsafe { libc::setresuid(0, 0, 0) } == 0 {
        return Err(io::Error::other(
            "the rights of root came back; this process must end",
        ));
    }
    Ok(())
}

/// The groups of a user: `gid` and those that the database has (getgrouplist(3)).
///
/// # Errors
/// `InvalidInput` for a name with a zero byte.
pub fn groups(user: &User, gid: u32) -> io::Result<Vec<u32>> {
    let name = c_string(&user.name)?;
    let mut found = vec![0; 32];
    loop {
        let room = libc::c_int::try_from(found.len()).unwrap_or(libc::c_int::MAX);
        let mut count = room;
        // SAFETY: getgrouplist(3) reads the name and writes at most `count` numbers, for which
        // `found` has room, and how many there are. Guarded by
        // `work_is_done_with_the_rights_of_another_user_and_this_thread_keeps_its_own`.
        unsafe { libc::getgrouplist(name.as_ptr(), gid, found.as_mut_ptr(), &mut count) };
        let count_found = usize::try_from(count).unwrap_or(0);
        if count <= room {
            found.truncate(count_found);
            return Ok(found);
        }
        found.resize(count_found, 0);
    }
}

/// Does `work` on a thread of its own, which has exactly the rights of this user, this group and the
/// user's further groups; no other thread changes. Files that `work` makes belong to that user, and a
/// link that the user has laid leads no further than the user could go.
///
/// # Errors
/// EPERM unless this process is root; EAGAIN if there is no thread; whatever else setgroups(2),
/// setresgid(2) and setresuid(2) answer. `work` was not done then.
///
/// # Panics
/// If `work` does.
pub fn with_rights_of<T: Send>(
    user: &User,
    gid: u32,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    let groups = groups(user, gid)?;
    let become_it = || {
        let groups: Vec<Gid> = groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(gid));
        // The bare system calls, which are of one thread (nptl(7)).
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("rg-as-user".to_owned());
        let thread = thread.spawn_scoped(scope, || become_it().map(|()| work()))?;
        match thread.join() {
            Ok(done) => Ok(done?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
