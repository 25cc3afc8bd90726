//! The table of features in `docs/kernels.md` is the one that the probe and the doctor have, with the test that
//! holds each feature. `RINGGATE_BLESS=1` writes it again.

use ringgate_runtime::probe::{Feature, Need};
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str =
    "<!-- The table of features, made from runtime/src/probe/feature.rs; do not edit. -->\n";
const END: &str = "<!-- End of the table of features. -->\n";

/// The file under `runtime/tests` and the test in it that fails where a feature does not do what it is used for;
/// of an optional one, the test that the core serves without it.
fn test_of(feature: Feature) -> (&'static str, &'static str) {
    match feature {
        Feature::Enter => ("kernel_features", "a_nop_comes_back"),
        Feature::Pin => ("sys_process", "a_pinned_thread_runs_where_it_was_pinned"),
        Feature::Clamp => ("probe", "every_feature_of_this_kernel_is_found"),
        Feature::SubmitAll
        | Feature::CoopTaskrun
        | Feature::TaskrunFlag
        | Feature::SingleIssuer
        | Feature::DeferTaskrun
        | Feature::NoSqarray => ("degraded_rings", "a_ring_without_any_one_flag_serves"),
        Feature::NoDrop => (
            "kernel_features",
            "an_overflowed_completion_queue_keeps_every_completion",
        ),
        Feature::ExtArg => ("kernel_features", "a_timer_of_the_core_wakes_it"),
        Feature::NoIowait => ("degraded_rings", "a_core_without_no_iowait_serves"),
        Feature::MultishotAccept => (
            "kernel_features",
            "a_multishot_accept_goes_on_until_it_is_cancelled",
        ),
        Feature::BufferRing => (
            "kernel_features",
            "receives_without_a_buffer_wait_until_leases_come_back",
        ),
        Feature::MultishotRecv => (
            "kernel_features",
            "a_multishot_receive_fills_buffers_until_eof",
        ),
        Feature::MultishotPoll => ("kernel_features", "a_multishot_poll_tells_again_and_again"),
        Feature::AsyncCancel => (
            "kernel_features",
            "a_cancelled_receive_delivers_what_had_come",
        ),
        Feature::SendWaitall => (
            "kernel_features",
            "a_send_waits_for_all_of_eight_mebibytes_to_a_slow_reader",
        ),
        Feature::Openat2 => (
            "fs",
            "what_is_opened_beneath_a_directory_is_there_and_nowhere_else",
        ),
        Feature::Openat | Feature::Statx | Feature::Read | Feature::Write => {
            ("fs", "a_file_is_written_read_and_described")
        }
        Feature::Splice => ("fs", "a_file_is_spliced_through_a_pipe_into_a_socket"),
        Feature::Connect => ("net", "tcp_carries_bytes_both_ways_over_v4"),
        Feature::Shutdown => (
            "net",
            "a_shutdown_happens_at_once_and_not_in_a_turn_to_come",
        ),
        Feature::Close => (
            "kernel_features",
            "a_close_through_the_ring_ends_the_connection",
        ),
    }
}

fn table() -> String {
    let mut table = String::from(
        "| feature | from | needed | what it is for | without it | test |\n|---|---|---|---|---|---|\n",
    );
    for feature in Feature::ALL {
        let facts = feature.facts();
        let needed = match facts.need {
            Need::Required => "yes",
            Need::Optional => "no",
        };
        let (file, test) = test_of(feature);
        writeln!(
            table,
            "| `{}` | {} | {needed} | {} | {} | `{file}`: `{test}` |",
            facts.name, facts.since, facts.used_for, facts.without_it
        )
        .expect("text");
    }
    table
}

#[test]
fn the_document_of_kernels_has_the_table_of_features() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kernels.md");
    let found = std::fs::read_to_string(path).expect("docs/kernels.md");
    let (before, rest) = found.split_once(BEGIN).expect("the table begins");
    let (_, after) = rest.split_once(END).expect("the table ends");
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("RINGGATE_BLESS").is_some() {
        std::fs::write(path, &expected).expect("written");
        return;
    }
    assert!(
        found == expected,
        "docs/kernels.md is not what runtime/src/probe/feature.rs says; RINGGATE_BLESS=1 cargo test -p \
         ringgate-runtime --test kernels_document writes it again"
    );
}

#[test]
fn every_feature_names_a_test_that_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for feature in Feature::ALL {
        let (file, test) = test_of(feature);
        let text = std::fs::read_to_string(tests.join(file).with_extension("rs")).expect(file);
        assert!(
            text.contains(&format!("#[test]\nfn {test}()")),
            "{feature:?}: {file} has no test {test}"
        );
    }
}
