//! Reading the gateway's metrics as a Prometheus server would.

/// One page of metrics.
#[derive(Clone, Debug)]
pub struct Metrics(String);

impl Metrics {
    /// What the gateway answered.
    pub fn new(page: String) -> Self {
        Self(page)
    }

    /// The sum of a metric over all its samples that have these labels, in any order; 0 if there is
    /// none, for a counter that has not counted yet is not shown.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let samples = self.0.lines().filter_map(|line| sample(line, name));
        samples
            .filter(|(shown, _)| {
                let has =
                    |(key, value): &(&str, &str)| shown.contains(&format!("{key}=\"{value}\""));
                labels.iter().all(has)
            })
            .filter_map(|(_, value)| value.parse::<u64>().ok())
            .sum()
    }

    /// The page.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The labels and the value, if a line is a sample of that metric.
fn sample<'a>(line: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = rest.rsplit_once(' ')?;
    (labels.is_empty() || labels.starts_with('{')).then_some((labels, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let page = "# HELP a_total Things\na_total{x=\"1\",y=\"2\"} 3\na_total{x=\"1\",y=\"3\"} 4\na_total_more 9\nb 5\n";
        let metrics = Metrics::new(page.into());
        assert_eq!(metrics.sum("a_total", &[("x", "1")]), 7);
        assert_eq!(metrics.sum("a_total", &[("y", "3"), ("x", "1")]), 4);
        assert_eq!(metrics.sum("a_total", &[("x", "2")]), 0);
        assert_eq!(metrics.sum("b", &[]), 5);
    }
}
