//! Breaks prose into lines, for the help and for comments in the example file.

/// Lines of at most `columns` characters; a longer word stands alone on its line.
pub(super) fn wrap(prose: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in prose.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last].push_str(word);
        } else if lines[last].chars().count() + 1 + word.chars().count() <= columns {
            lines[last].extend([" ", word]);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn no_line_is_longer_than_asked_except_a_single_word() {
        assert_eq!(wrap("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrap("a bb ccc", 8), ["a bb ccc"]);
        assert_eq!(wrap("a-long-word b", 3), ["a-long-word", "b"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
