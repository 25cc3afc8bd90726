//! The rooms of WebSocket seen from outside, against frames that are forged by an implementation of this
//! folder's own. Each rule of the RFCs is a test; no test opens a socket.
//!
//! | section | rule | test |
//! |---|---|---|
//! | RFC 6455 4.2.1 | GET, HTTP/1.1, Host | `handshakes::a_handshake_is_a_get_in_http_1_1` |
//! | 4.2.1 | Upgrade has websocket, Connection has upgrade, in any case | `handshakes::the_tokens_of_upgrade_and_connection_are_found_in_lists_and_any_case` |
//! | 4.2.1 | the key is 16 bytes in base64, and stands once | `handshakes::a_key_is_sixteen_bytes_in_base64_and_stands_once` |
//! | 4.2.2, 4.4 | another version than 13 is told 13 with 426 | `handshakes::another_version_is_told_which_one_is_spoken` |
//! | 4.2.2 | Sec-WebSocket-Accept | `handshakes::the_accept_field_is_that_of_the_rfc` |
//! | 4.2.2 | a subprotocol of the client's list or none | `handshakes::the_first_subprotocol_of_the_client_that_is_spoken_is_chosen` |
//! | 4.2.2, 10.2 | origins that are not let in get 403 | `handshakes::pages_of_the_same_host_and_port_may_connect`, `handshakes::listed_origins_may_connect_and_no_others` |
//! | 4.3, 9.1 | fields that break their grammar fail the handshake | `handshakes::a_field_that_breaks_its_grammar_is_refused` |
//! | 5.1 | an unmasked frame of a client closes with 1002 | `frames::a_client_that_does_not_mask_is_closed` |
//! | 5.1 | a server does not mask | `frames::nothing_that_a_server_sends_is_masked` |
//! | 5.1 | a client fails a masked frame of a server | `frames::a_masked_frame_of_a_server_is_a_fault` |
//! | 5.2 | reserved bits are 0 | `frames::each_reserved_bit_is_a_fault` |
//! | 5.2 | unknown opcodes fail | `frames::each_reserved_opcode_is_a_fault` |
//! | 5.2 | lengths are written in the fewest bytes | `frames::a_length_in_more_bytes_than_it_needs_is_a_fault`, `frames::headers_are_written_in_the_fewest_bytes_and_read_again` |
//! | 5.2 | a length of 64 bits begins with 0 | `frames::a_length_of_two_to_the_sixty_third_is_a_fault` |
//! | 5.3 | the mask turns with each byte | `frames::a_mask_is_taken_off_from_any_offset` |
//! | 5.4 | fragments are joined in order | `frames::fragments_are_joined_in_order` |
//! | 5.4 | control frames between fragments are taken | `frames::control_frames_between_fragments_are_answered_at_once` |
//! | 5.4 | messages are not interleaved | `frames::a_message_within_a_message_is_a_fault`, `frames::a_continuation_of_nothing_is_a_fault` |
//! | 5.4, 5.5 | control frames are not fragmented | `frames::a_control_frame_in_fragments_is_a_fault` |
//! | 5.5 | control frames have at most 125 bytes | `frames::a_control_frame_of_more_than_125_bytes_is_a_fault` |
//! | 5.5.1 | a Close is answered with its code | `closing::a_close_is_answered_with_its_code` |
//! | 5.5.1 | nothing is sent after a Close | `closing::nothing_is_sent_after_a_close` |
//! | 5.5.1 | a body of a Close begins with a code | `closing::a_close_with_half_a_code_is_a_fault` |
//! | 5.5.2 | a Ping is answered with a Pong | `frames::a_ping_is_answered_with_its_own_bytes` |
//! | 5.5.3 | of Pings that wait the last alone may be answered | `flow::of_pings_that_wait_for_a_slow_client_the_last_is_answered` |
//! | 5.5.3 | a Pong asks for nothing | `frames::a_pong_that_nobody_asked_for_is_not_answered` |
//! | 7.1.1 | the server ends the connection first, and lets the client read | `closing::the_life_cycle_is_the_one_in_the_file` |
//! | 7.1.7 | a fault is told with its code, and nothing more is read | `closing::a_fault_is_told_and_nothing_after_it_is_read` |
//! | 7.4.1, 7.4.2 | which codes may be sent | `closing::each_code_that_may_not_be_sent_is_a_fault` |
//! | 8.1 | text that is not UTF-8 fails | `frames::text_that_is_not_utf8_is_a_fault_at_its_first_wrong_byte` |
//! | 10.4 | limits on frames and messages | `flow::a_frame_above_the_limit_is_refused_at_its_header`, `flow::a_message_above_the_limit_is_refused_at_the_header_that_exceeds_it` |
//! | RFC 7692 5 | offers in order of preference, one accepted | `handshakes::the_first_offer_of_compression_that_can_be_kept_is_accepted` |
//! | 6 | RSV1 is the first frame's alone | `compression::the_compressed_bit_belongs_to_the_first_frame_alone` |
//! | 6.1 | the bit needs the extension | `frames::each_reserved_bit_is_a_fault` |
//! | 6.1, 6.2 | control frames between fragments are not compressed | `compression::a_ping_between_compressed_fragments_is_plain` |
//! | 7.1 | offers with unknown, repeated or senseless parameters are declined | `handshakes::an_offer_that_makes_no_sense_is_declined` |
//! | 7.1.1 | context takeover, both sides | `handshakes::no_context_is_kept_unless_the_server_is_told_to`, `compression::a_context_that_is_kept_is_used_by_the_next_message` |
//! | 7.1.2 | windows, both sides | `handshakes::the_window_that_a_client_asks_for_is_kept`, `compression::a_small_window_is_not_exceeded` |
//! | 7.2.1, 7.2.2 | the last four bytes are left out | `compression::the_examples_of_the_rfc_are_inflated`, `compression::what_is_deflated_is_inflated_again` |
//! | 7.2.3 | blocks of every kind | `compression::the_examples_of_the_rfc_are_inflated` |
//! | 8 | bombs do not unfold | `compression::a_bomb_is_refused_at_the_limit` |
//! | RFC 8441 4, 5 | extended CONNECT | `handshakes::an_extended_connect_needs_no_key` |

mod carrying;
mod closing;
mod compression;
mod cuts;
mod differential;
mod flow;
mod forge;
mod frames;
mod grammar;
mod handshakes;
