//! Users, groups and processes against the real system.

use ringgate_runtime::sys::identity::{become_user, group, user, with_rights_of};
use ringgate_runtime::sys::process::{started, uptime, user_id};
use ringgate_runtime::sys::rights;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

#[test]
fn users_and_groups_are_found_by_name_and_number() {
    let root = user("root").unwrap();
    assert_eq!((root.uid, root.gid), (0, 0));
    assert_eq!(group("root").unwrap(), 0);
    let unknown = user("no-such-user").unwrap_err();
    assert!(unknown.to_string().contains("no-such-user"), "{unknown}");
    assert!(group("no-such-group").is_err());
    let number = user("4242").unwrap();
    assert_eq!((number.uid, number.gid), (4242, 4242));
    assert_eq!(group("4243").unwrap(), 4243);
}

/// Numbers and groups that the database has for its names (passwd(5)); of two names of one number it finds the first.
#[test]
fn a_number_that_the_database_knows_is_its_user_with_that_users_own_group() {
    let mut seen = std::collections::BTreeSet::new();
    let mut differ = 0;
    for line in std::fs::read_to_string("/etc/passwd").unwrap().lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let (name, uid, gid) = (fields[0], fields[2], fields[3]);
        if seen.insert(uid) {
            let (by_number, by_name) = (user(uid).unwrap(), user(name).unwrap());
            assert_eq!(by_number, by_name, "{line}");
            differ += u32::from(uid != gid);
        }
    }
    assert!(differ > 0, "nobody here has a group of another number");
}

#[test]
fn a_process_is_there_until_it_ends_also_if_it_was_not_collected() {
    let own = started(std::process::id()).unwrap();
    let up = uptime().unwrap();
    assert!(
        own <= up && up - own < Duration::from_secs(3600),
        "{own:?} {up:?}"
    );
    assert!(started(1).unwrap() <= own, "also one that is not ours");
    let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while started(child.id()).is_some() {
        assert!(
            Instant::now() < until,
            "not yet collected, and gone all the same"
        );
        std::thread::yield_now();
    }
    child.wait().unwrap();
    assert_eq!(started(child.id()), None);
    assert_eq!(started(0), None);
}

/// A thread's number names no process (clone(2), CLONE_THREAD), though kill(2) takes it for one.
#[test]
fn a_thread_is_no_process() {
    let found = std::thread::spawn(|| started(ringgate_runtime::sys::thread::thread_id()));
    assert_eq!(found.join().unwrap(), None);
}

#[test]
#[ignore = "needs root, to do something as somebody else"]
fn work_is_done_with_the_rights_of_another_user_and_this_thread_keeps_its_own() {
    let path = std::env::temp_dir().join(format!("ringgate-rights-{}", std::process::id()));
    let make = || std::fs::File::create_new(&path).and_then(|file| file.metadata());
    let nobody = user("4242").unwrap();
    let read = with_rights_of(&nobody, 4243, || std::fs::read("/etc/shadow")).unwrap();
    assert_eq!(
        read.unwrap_err().kind(),
        std::io::ErrorKind::PermissionDenied
    );
    let made = with_rights_of(&nobody, 4243, make).unwrap();
    std::fs::remove_file(&path).unwrap();
    let made = made.unwrap();
    assert_eq!((made.uid(), made.gid()), (4242, 4243));
    assert_eq!(user_id(), 0);
    std::fs::read("/etc/shadow").unwrap();
}

/// On a thread that ends with the test: there is no way back.
#[test]
#[ignore = "needs root, to have capabilities"]
fn a_thread_that_gains_nothing_keeps_what_it_has_and_those_it_starts_gain_nothing_either() {
    let look = |name: &str| {
        let all = rights::of_threads().unwrap();
        all.into_iter()
            .find(|rights| rights.thread == name)
            .unwrap()
    };
    let inner = move || {
        let rights = look("inner");
        assert_eq!(
            (rights.bounding, rights.no_new_privs),
            (0, true),
            "{rights:?}"
        );
        assert_ne!(rights.permitted, 0);
    };
    let outer = move || {
        rights::gain_nothing().unwrap();
        let thread = std::thread::Builder::new().name("inner".to_owned());
        thread.spawn(inner).unwrap().join()
    };
    std::thread::spawn(outer).join().unwrap().unwrap();
}

/// The four user and four group numbers of each thread of this process.
fn identities() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let mut lines = Vec::new();
    for task in tasks {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let ids = status
            .lines()
            .filter(|line| line.starts_with("Uid") || line.starts_with("Gid"));
        lines.push(ids.collect::<Vec<_>>().join(" "));
    }
    lines
}

/// Changes this process, so it runs in one of its own.
#[test]
#[ignore = "needs root, to become somebody else"]
fn every_thread_becomes_another_user_and_none_comes_back() {
    const INNER: &str = "RINGGATE_TEST_BECOME";
    if std::env::var_os(INNER).is_none() {
        let name = "every_thread_becomes_another_user_and_none_comes_back";
        let this = std::env::current_exe().unwrap();
        let inner = Command::new(this)
            .args(["--exact", "--ignored", name])
            .env(INNER, "1")
            .output();
        let inner = inner.unwrap();
        assert!(inner.status.success(), "{inner:?}");
        return;
    }
    let (hold, held) = channel::<()>();
    let threads = [(); 3].map(|()| std::thread::spawn(std::thread::park));
    become_user(&user("4242").unwrap(), 4243).unwrap();
    let all = identities();
    assert!(all.len() >= 4);
    for one in all {
        let expected = "Uid:\t4242\t4242\t4242\t4242 Gid:\t4243\t4243\t4243\t4243";
        assert_eq!(one, expected);
    }
    assert!(become_user(&user("root").unwrap(), 0).is_err());
    threads.iter().for_each(|thread| thread.thread().unpark());
    drop((hold, held));
}
