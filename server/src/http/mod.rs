//! HTTP/1.1 as pure state machines: heads, bodies and answers over byte slices; no I/O, no clock.
