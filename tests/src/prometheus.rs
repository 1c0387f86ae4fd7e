//! A real Prometheus that scrapes the gateway from its own node, as an operator's would.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::bed::Testbed;
use crate::command;
use crate::process::Process;
use crate::wait::wait_until;

/// Where its own pages are, inside the node's namespace.
const LISTENS: &str = "127.0.0.1:9090";
/// Often enough that a test need not wait for it; a scrape takes some milliseconds.
const INTERVAL: &str = "250ms";
/// It is ready within a second; a loaded machine takes longer.
const START: Duration = Duration::from_mins(1);
/// For some scrapes.
const SCRAPED: Duration = Duration::from_secs(30);

/// A running Prometheus. Dropping it kills it; its data goes with the testbed.
#[derive(Debug)]
pub struct Prometheus<'a> {
    bed: &'a Testbed,
    process: Process,
}

impl<'a> Prometheus<'a> {
    /// Starts one that scrapes the gateway on this bed's node under the job `egress` and evaluates the
    /// rules in `rules`; waits until it has scraped.
    pub fn start(bed: &'a Testbed, rules: &Path) -> Result<Self> {
        let dir = bed.dir().join("prometheus");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let config = dir.join("prometheus.yaml");
        let text = format!(
            "global: {{ scrape_interval: {INTERVAL}, scrape_timeout: {INTERVAL}, evaluation_interval: 1s }}\n\
             rule_files: [{:?}]\n\
             scrape_configs:\n  - job_name: egress\n    static_configs: [{{ targets: [\"127.0.0.1:15020\"] }}]\n",
            rules.display()
        );
        fs::write(&config, text).context("cannot write prometheus.yaml")?;
        let mut prometheus = bed.outside().command("prometheus");
        prometheus
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("data").display()
            ))
            .arg(format!("--web.listen-address={LISTENS}"));
        let process = Process::spawn(&mut prometheus, &dir.join("log"))?;
        let mut started = Self { bed, process };
        let is_ready = || scrapes(bed).is_ok_and(|scrapes| scrapes > 0);
        started.process.ready(START, is_ready)?;
        Ok(started)
    }

    /// The series that a query has now. One that Prometheus refuses is an error with its words.
    pub fn query(&self, query: &str) -> Result<Vec<Value>> {
        series(self.bed, query)
    }

    /// Answers of its other pages, as `/api/v1/rules`.
    pub fn page(&self, path: &str) -> Result<Value> {
        get(self.bed, path, &[])
    }

    /// Waits until it has scraped twice from now on: what is counted has been seen, and seen again.
    pub fn scraped_twice(&self) -> Result<()> {
        let before = scrapes(self.bed)?;
        wait_until("Prometheus has scraped twice", SCRAPED, || {
            // One may be under way that began before.
            (scrapes(self.bed).ok()? >= before + 3).then_some(())
        })
        .with_context(|| self.process.output())
    }
}

/// Whether promtool has nothing against it: `check rules` or `test rules`, and a file.
pub fn promtool(args: &[&str], file: &Path) -> Result<String> {
    command::stdout(command::system("promtool").args(args).arg(file))
}

/// How often the gateway has been scraped so far.
fn scrapes(bed: &Testbed) -> Result<u64> {
    let count = series(bed, "count_over_time(egress_ready{job=\"egress\"}[1h])")?;
    let count = count.first().context("not scraped yet")?;
    let count = count.pointer("/value/1").and_then(Value::as_str);
    Ok(count.context("no value")?.parse()?)
}

fn series(bed: &Testbed, query: &str) -> Result<Vec<Value>> {
    let query = format!("query={query}");
    let answer = get(bed, "/api/v1/query", &["--get", "--data-urlencode", &query])?;
    if answer.pointer("/status") != Some(&"success".into()) {
        bail!("{query}: {answer}");
    }
    let result = answer.pointer("/data/result").and_then(Value::as_array);
    result
        .cloned()
        .with_context(|| format!("{query}: {answer}"))
}

fn get(bed: &Testbed, path: &str, args: &[&str]) -> Result<Value> {
    let url = format!("http://{LISTENS}{path}");
    let outcome = bed.outside().curl(&[args, &[url.as_str()]].concat())?;
    serde_json::from_str(&outcome.stdout).with_context(|| outcome.text())
}
