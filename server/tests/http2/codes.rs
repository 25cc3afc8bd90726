//! Codes and faults: RFC 9113 sections 5.4 and 7, and the words that a log and a count have for them.

use ringgate::http2::budgets::Budget;
use ringgate::http2::code::FAULT_REASONS;
use ringgate::http2::{Breach, ErrorCode, Fault, Gone};
use std::collections::BTreeSet;

/// RFC 9113 section 7.
const CODES: [(u32, ErrorCode, &str); 14] = [
    (0x0, ErrorCode::NO_ERROR, "NO_ERROR"),
    (0x1, ErrorCode::PROTOCOL_ERROR, "PROTOCOL_ERROR"),
    (0x2, ErrorCode::INTERNAL_ERROR, "INTERNAL_ERROR"),
    (0x3, ErrorCode::FLOW_CONTROL_ERROR, "FLOW_CONTROL_ERROR"),
    (0x4, ErrorCode::SETTINGS_TIMEOUT, "SETTINGS_TIMEOUT"),
    (0x5, ErrorCode::STREAM_CLOSED, "STREAM_CLOSED"),
    (0x6, ErrorCode::FRAME_SIZE_ERROR, "FRAME_SIZE_ERROR"),
    (0x7, ErrorCode::REFUSED_STREAM, "REFUSED_STREAM"),
    (0x8, ErrorCode::CANCEL, "CANCEL"),
    (0x9, ErrorCode::COMPRESSION_ERROR, "COMPRESSION_ERROR"),
    (0xa, ErrorCode::CONNECT_ERROR, "CONNECT_ERROR"),
    (0xb, ErrorCode::ENHANCE_YOUR_CALM, "ENHANCE_YOUR_CALM"),
    (0xc, ErrorCode::INADEQUATE_SECURITY, "INADEQUATE_SECURITY"),
    (0xd, ErrorCode::HTTP_1_1_REQUIRED, "HTTP_1_1_REQUIRED"),
];

#[test]
fn section_7_each_code_has_its_number_and_its_name_and_any_other_number_has_none() {
    for (number, code, name) in CODES {
        assert_eq!(code, ErrorCode(number), "{name}");
        assert_eq!((code.name(), code.to_string()), (name, name.to_owned()));
    }
    for number in [0xe, 0xf, 0x10, 0x100, 0x10_000, u32::MAX] {
        assert_eq!(ErrorCode(number).name(), "unknown", "{number}");
    }
}

#[test]
fn a_fault_says_its_code_its_sentence_and_the_option_of_its_bound() {
    for (fault, code) in [
        (Fault::protocol("So."), ErrorCode::PROTOCOL_ERROR),
        (Fault::size("So."), ErrorCode::FRAME_SIZE_ERROR),
        (Fault::flow("So."), ErrorCode::FLOW_CONTROL_ERROR),
        (Fault::closed("So."), ErrorCode::STREAM_CLOSED),
        (Fault::compression("So."), ErrorCode::COMPRESSION_ERROR),
        (Fault::new(ErrorCode::CANCEL, "So."), ErrorCode::CANCEL),
    ] {
        assert_eq!((fault.code, fault.why, fault.budget), (code, "So.", None));
        assert_eq!(fault.to_string(), format!("{code}: So."));
    }
    for budget in Budget::ALL {
        let (fault, why) = (Fault::calm(budget), budget.complaint());
        assert_eq!(fault.code, ErrorCode::ENHANCE_YOUR_CALM);
        assert_eq!((fault.why, fault.budget), (why, Some(budget)));
        let option = budget.option();
        let said = format!("ENHANCE_YOUR_CALM: {why} The bound is the option {option}.");
        assert_eq!(fault.to_string(), said);
    }
    let complaints: BTreeSet<_> = Budget::ALL.map(Budget::complaint).into_iter().collect();
    assert_eq!(complaints.len(), Budget::ALL.len(), "each has its own");
    assert!(complaints.iter().all(|said| said.ends_with('.')));
}

#[test]
fn faults_are_counted_under_the_option_of_their_budget_and_all_others_as_protocol() {
    for budget in Budget::ALL {
        let reason = Fault::calm(budget).reason();
        assert_eq!(FAULT_REASONS[reason], budget.option());
    }
    for (_, code, name) in CODES {
        let reason = Fault::new(code, "So.").reason();
        assert_eq!(FAULT_REASONS[reason], "protocol", "{name}");
    }
    let names: BTreeSet<_> = FAULT_REASONS.into_iter().collect();
    assert_eq!(names.len(), Budget::ALL.len() + 1);
}

#[test]
fn section_5_4_a_fault_without_a_stream_to_blame_concerns_the_connection() {
    let fault = Fault::closed("So.");
    assert_eq!(Breach::from(fault), Breach::Connection(fault));
    assert_eq!(Breach::Connection(fault).fault(), fault);
    assert_eq!(Breach::Stream(fault).fault(), fault);
    assert_eq!(Gone.to_string(), "the stream takes no answer any more");
}
