//! Fields that go with files: `*.html Cache-Control: no-cache`.
//!
//! Which rules fit a file is found out by the built-in application (`app/files/rules.rs`).

use std::fmt;
use std::str::FromStr;

use http::{HeaderName, HeaderValue};

use super::error::Malformed;

/// Fields that say something about the file itself, or belong to the connection.
const OWN: [&str; 11] = [
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "date",
    "etag",
    "last-modified",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A field for the files that a pattern fits.
///
/// In a pattern `*` stands for any bytes, slashes among them. With a slash it is for the path of a file from the root
/// (`/assets/*`), without one for its name (`*.html`).
///
/// ```
/// use ringgate::config::FileHeader;
///
/// let header: FileHeader = "*.html Cache-Control: no-cache".parse().unwrap();
/// assert_eq!(Ok(header), FileHeader::new("*.html", "cache-control", "no-cache"));
/// assert!("*.html ETag: \"1\"".parse::<FileHeader>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHeader {
    pattern: String,
    name: HeaderName,
    value: HeaderValue,
}

impl FileHeader {
    /// A field of this name and value for the files that `pattern` fits.
    ///
    /// # Errors
    /// The pattern is empty or has a space in it, the name is no token, the value holds a control byte or begins or
    /// ends with a space, or the field is one that is made from the file, such as ETag.
    pub fn new(pattern: &str, name: &str, value: &str) -> Result<FileHeader, Malformed> {
        if pattern.is_empty() || pattern.contains(char::is_whitespace) {
            return Err(Malformed::new("a pattern has no spaces and is not empty"));
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| Malformed::new("not the name of a field"))?;
        if OWN.contains(&name.as_str()) {
            return Err(Malformed::new("this field is made from the file"));
        }
        let is_trimmed = value.trim_ascii() == value && !value.is_empty();
        let value = HeaderValue::from_str(value).ok().filter(|_| is_trimmed);
        let value = value.ok_or_else(|| Malformed::new("not the value of a field"))?;
        let pattern = pattern.to_owned();
        Ok(FileHeader {
            pattern,
            name,
            value,
        })
    }

    /// The pattern that says for which files it is.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The name of the field.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The value of the field.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }
}

impl fmt::Display for FileHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = String::from_utf8_lossy(self.value.as_bytes());
        write!(f, "{} {}: {value}", self.pattern, self.name)
    }
}

impl FromStr for FileHeader {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<FileHeader, Malformed> {
        let (pattern, field) = text.split_once(' ').ok_or_else(Malformed::plain)?;
        let (name, value) = field.split_once(':').ok_or_else(Malformed::plain)?;
        FileHeader::new(pattern, name.trim(), value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_written_is_read_back_the_same() {
        for (text, written) in [
            ("* x:y", "* x: y"),
            (
                "*.js  Cache-Control:  a, b=c ",
                "*.js cache-control: a, b=c",
            ),
            ("/a/* Link: <x:y>; rel=z", "/a/* link: <x:y>; rel=z"),
            ("é* x: \u{e9}", "é* x: \u{e9}"),
        ] {
            let header: FileHeader = text.parse().expect(text);
            assert_eq!(header.to_string(), written);
            assert_eq!(written.parse(), Ok(header));
        }
    }

    #[test]
    fn what_is_no_field_or_one_of_the_file_itself_is_refused() {
        for text in [
            "",
            "*",
            "* x",
            "* x:",
            " x: y",
            "* x y: z",
            "* x: a\u{7f}",
            "* x: a\nb: c",
            "* content-length: 1",
            "* ETag: \"1\"",
        ] {
            assert!(text.parse::<FileHeader>().is_err(), "{text:?} was taken");
        }
    }
}
