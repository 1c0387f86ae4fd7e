//! A sample of a metric in the text of `OpenMetrics`.

/// `name{label="value",…} value`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    pub(super) labels: Vec<(&'a str, String)>,
    pub(super) value: &'a str,
}

/// Reads a line; `None` if it is not one.
pub(super) fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.push((key, value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.split_ascii_whitespace().next()?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// A text up to its quotation mark, without its escapes, and what stands behind that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            char => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read_with_its_labels() {
        assert_eq!(sample("a_total 3").expect("one").value, "3");
        let read = sample(r#"a{x="1",le="+Inf"} 0.5 # {t="2"} 1"#).expect("one");
        let labels = [("x", "1".to_owned()), ("le", "+Inf".to_owned())];
        assert_eq!((read.name, read.value), ("a", "0.5"));
        assert_eq!(read.labels, labels);
        let read = sample(r#"a{x="a \"b\" \\ } , c\nd"} 1"#).expect("one");
        let labels = [("x", "a \"b\" \\ } , c\nd".to_owned())];
        assert_eq!(read.labels, labels);
        assert_eq!(sample("a{} 1").expect("one").labels, []);
    }

    #[test]
    fn what_is_cut_short_is_no_sample() {
        let line = r#"a{x="1",y="2\""} 3"#;
        for end in 0..line.len() {
            assert_eq!(sample(line.get(..end).expect("text")), None, "{end}");
        }
    }
}
