//! A value that must not reach a log line.
//!
//! This file decides only what formatting prints. Memory is not wiped.

use std::fmt;

/// Holds a value whose `Debug` and `Display` print `[redacted]`.
///
/// The only way to the value is [`Secret::expose`], which is easy to search for.
///
/// ```
/// use ringgate::observe::Secret;
///
/// let token = Secret::new("hunter2");
/// assert_eq!(format!("{token:?}"), "[redacted]");
/// assert_eq!(*token.expose(), "hunter2");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn no_format_prints_a_secret() {
        let secret = Secret::new("hunter2");
        for printed in [
            format!("{secret}"),
            format!("{secret:?}"),
            format!("{secret:#?}"),
        ] {
            assert_eq!(printed, "[redacted]");
        }
        let inside = format!("{:?}", Some((1, Secret::new(vec![7_u8]))));
        assert_eq!(inside, "Some((1, [redacted]))");
        assert_eq!(*secret.expose(), "hunter2");
    }
}
