//! `ringgate doctor`: what this machine offers, what is degraded, and the cure.
