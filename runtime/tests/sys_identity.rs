//! Users, groups and processes against the real system.

use ringgate_runtime::sys::identity::{become_user, group, is_alive, user};
use ringgate_runtime::sys::process::user_id;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

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

#[test]
fn a_process_is_alive_until_it_is_reaped() {
    assert!(is_alive(std::process::id()).unwrap());
    assert!(is_alive(1).unwrap(), "also one that is not ours");
    let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
    child.wait().unwrap();
    assert!(!is_alive(child.id()).unwrap());
    assert!(!is_alive(0).unwrap());
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
fn every_thread_becomes_another_user_and_none_comes_back() {
    const INNER: &str = "RINGGATE_TEST_BECOME";
    if user_id() != 0 {
        let refused = become_user(&user("4242").unwrap(), 4243).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
        return;
    }
    if std::env::var_os(INNER).is_none() {
        let name = "every_thread_becomes_another_user_and_none_comes_back";
        let this = std::env::current_exe().unwrap();
        let inner = Command::new(this)
            .args(["--exact", name])
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
