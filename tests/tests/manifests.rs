//! The manifests and the chart: right for each version of Kubernetes that is looked after, and the same pod from both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{binary, command, python_tool};
use serde_json::Value;

/// The oldest that the manifests are for, and those that are looked after.
const VERSIONS: [&str; 5] = ["1.30", "1.34", "1.35", "1.36", "1.37"];

/// What is applied as it is.
const APPLIED: [&str; 4] = [
    "cleanup",
    "overlays/audit",
    "overlays/enforce",
    "overlays/unprivileged",
];

/// Kinds of the Prometheus operator, of which the validator knows none.
const OPERATORS: [&str; 2] = ["PodMonitor", "PrometheusRule"];

/// YAML, document by document, as JSON.
const READ: &str = "import json, sys, yaml\n\
                    print(json.dumps([d for d in yaml.safe_load_all(sys.stdin) if d]))";

/// What a tool printed is checked from a file that goes with this.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let dir =
            std::env::temp_dir().join(format!("egress-manifests-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Self(dir))
    }

    fn put(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is below the system's directory for such things.
        fs::remove_dir_all(&self.0).ok();
    }
}

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(path)
}

fn kustomized(path: &str) -> Result<String> {
    let mut kubectl = python_tool("kubectl")?;
    command::stdout(
        kubectl
            .arg("kustomize")
            .arg(deploy("kubernetes").join(path)),
    )
}

/// What the chart does with the values of one of its examples.
fn helm(what: &str, values: &Path) -> Result<String> {
    let mut python = python_tool("python")?;
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scripts/manifests.py"));
    command::stdout(python.arg(what).arg(deploy("helm/egress")).arg(values))
}

fn example(name: &str) -> PathBuf {
    deploy("helm/egress/ci").join(format!("{name}-values.yaml"))
}

/// The documents of a rendering.
fn read(scratch: &Scratch, yaml: &str) -> Result<Vec<Value>> {
    let file = scratch.put("read.yaml", yaml)?;
    let mut python = python_tool("python")?;
    let json = command::stdout(python.args(["-c", READ]).stdin(fs::File::open(file)?))?;
    Ok(serde_json::from_str(&json)?)
}

/// All documents, against the schemas of each version.
fn validate(scratch: &Scratch, yaml: &str) -> Result<()> {
    let known: Vec<_> = yaml
        .split("\n---\n")
        .filter(|text| {
            !OPERATORS
                .iter()
                .any(|kind| text.contains(&format!("kind: {kind}\n")))
        })
        .collect();
    let file = scratch.put("validate.yaml", &known.join("\n---\n"))?;
    for version in VERSIONS {
        let mut validate = python_tool("kubernetes-validate")?;
        validate.args(["--strict", "--kubernetes-version", version]);
        let said = command::stdout(validate.arg(&file))?;
        let passed = said.matches(" passed for resource ").count();
        ensure!(passed == known.len() && !said.contains("WARN"), "{said}");
    }
    Ok(())
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Result<&'a Value> {
    let mut found = documents
        .iter()
        .filter(|document| document.get("kind").is_some_and(|k| k == kind));
    let first = found.next().with_context(|| format!("no {kind}"))?;
    ensure!(found.next().is_none(), "two of {kind}");
    Ok(first)
}

/// The configuration in the `ConfigMap`.
fn configuration(documents: &[Value]) -> Result<&str> {
    let mut maps = documents
        .iter()
        .filter_map(|document| document.pointer("/data/egress.toml"));
    maps.find_map(Value::as_str).context("no configuration")
}

/// What `egress check` says of it, which must find nothing to remark.
fn check(scratch: &Scratch, documents: &[Value]) -> Result<String> {
    let text = configuration(documents)?;
    let file = scratch.put("egress.toml", text)?;
    let mut egress = command::system(&binary()?.to_string_lossy());
    command::stdout(egress.args(["check", "--strict"]).arg(file))
}

#[test]
fn what_is_applied_is_right_for_every_version() -> Result<()> {
    let scratch = Scratch::new("applied")?;
    for path in APPLIED {
        let yaml = kustomized(path)?;
        validate(&scratch, &yaml).context(path)?;
        if path != "cleanup" {
            let said = check(&scratch, &read(&scratch, &yaml)?).context(path)?;
            ensure!(said.contains(": ok — "), "{path}: {said}");
        }
    }
    let policy = fs::read_to_string(deploy(
        "kubernetes/components/egress-nodes/only-way-out.yaml",
    ))?;
    validate(&scratch, &policy)
}

#[test]
fn what_does_not_belong_is_found() -> Result<()> {
    let scratch = Scratch::new("found")?;
    let yaml = kustomized("overlays/audit")?;
    let wrong = yaml.replace("hostPID: true", "hostPid: true");
    ensure!(wrong != yaml && validate(&scratch, &wrong).is_err());
    Ok(())
}

#[test]
fn components_add_to_an_overlay_what_they_say() -> Result<()> {
    let scratch = Scratch::new("components")?;
    let own = deploy("kubernetes/components").join(format!("test-{}", std::process::id()));
    fs::create_dir_all(&own)?;
    let kustomization =
        "resources: [../../overlays/audit]\ncomponents: [../monitoring, ../egress-nodes]\n";
    fs::write(own.join("kustomization.yaml"), kustomization)?;
    let yaml = kustomized(&own.to_string_lossy());
    fs::remove_dir_all(&own)?;
    let yaml = yaml?;
    validate(&scratch, &yaml)?;
    let documents = read(&scratch, &yaml)?;
    let pods = of_kind(&documents, "DaemonSet")?;
    let label = "/spec/template/spec/nodeSelector/egress-gateway~1node";
    assert_eq!(pods.pointer(label).and_then(Value::as_str), Some("true"));
    for (kind, selector) in [
        ("Service", "/spec/selector"),
        ("PodMonitor", "/spec/selector/matchLabels"),
    ] {
        let selects = of_kind(&documents, kind)?.pointer(selector);
        assert_eq!(
            selects,
            pods.pointer("/spec/template/metadata/labels"),
            "{kind}"
        );
    }
    Ok(())
}

#[test]
fn the_chart_is_without_remarks_and_its_examples_are_right() -> Result<()> {
    let scratch = Scratch::new("chart")?;
    for name in ["audit", "everything"] {
        let report: Value = serde_json::from_str(&helm("lint", &example(name))?)?;
        let errors = report
            .get("errors")
            .and_then(Value::as_array)
            .context("no report")?;
        ensure!(errors.is_empty(), "{report}");
        let yaml = helm("render", &example(name))?;
        validate(&scratch, &yaml).context(name)?;
        let said = check(&scratch, &read(&scratch, &yaml)?)?;
        ensure!(said.contains(": ok — "), "{said}");
    }
    Ok(())
}

#[test]
fn values_reach_each_section_of_the_configuration() -> Result<()> {
    let scratch = Scratch::new("sections")?;
    let documents = read(&scratch, &helm("render", &example("everything"))?)?;
    let text = configuration(&documents)?;
    let sections = [
        "mode = \"enforce\"\ninternal = [\"10.244.0.0/16\",\"10.96.0.0/12\",\"fd00::/48\"]\ndrain = \"120s\"\n\
         locality = \"eu-west/eu-west-1\"\non_revoke = \"drain(30s)\"\n\n",
        "[dns]\nresolvers = [\"10.96.0.10\"]\ncache_size = 1000000\n\
         internal_domains = [\"corp.example\",\"intranet.example\"]\n\n",
        "[kubernetes]\nidentity_timeout = \"5s\"\nwatch = \"cluster\"\n\n",
    ];
    for section in sections {
        ensure!(text.contains(section), "{section} is not in {text}");
    }
    Ok(())
}

#[test]
fn the_chart_refuses_values_that_cannot_be() -> Result<()> {
    let scratch = Scratch::new("values")?;
    let good = fs::read_to_string(example("audit"))?;
    for (more, why) in [
        ("mode: enforced", "mode"),
        ("privilegd: false", "privilegd"),
        ("image: { repository: a, digest: sha256:1 }", "digest"),
        ("updateStrategy: { maxSurge: 0 }", "maxSurge"),
        ("drain: -1", "drain"),
        ("gateway: { mode: enforce }", "/gateway/mode"),
        (r#"dns: { "x\n[gateway]": 1 }"#, "/dns"),
        ("kubernetes: { watch: { a: b } }", "/kubernetes/watch"),
        ("metrics: { podMonitor: { enabled: true } }", "address"),
    ] {
        let values = scratch.put("values.yaml", &format!("{good}\n{more}\n"))?;
        let refused = helm("render", &values)
            .err()
            .with_context(|| format!("{more} is taken"))?;
        ensure!(format!("{refused:#}").contains(why), "{more}: {refused:#}");
    }
    // And without what only the operator knows.
    let empty = scratch.put("values.yaml", "{}")?;
    let refused = helm("render", &empty).err().context("nothing is taken")?;
    ensure!(
        format!("{refused:#}").contains("/cluster/internal"),
        "{refused:#}"
    );
    Ok(())
}

#[test]
fn both_ways_make_the_same_pod() -> Result<()> {
    let scratch = Scratch::new("same")?;
    let of_chart = read(&scratch, &helm("render", &example("audit"))?)?;
    let of_overlay = read(&scratch, &kustomized("overlays/audit")?)?;
    let unprivileged = scratch.put(
        "values.yaml",
        &format!(
            "{}\nprivileged: false\n",
            fs::read_to_string(example("audit"))?
        ),
    )?;
    let less_of_chart = read(&scratch, &helm("render", &unprivileged)?)?;
    let less_of_overlay = read(&scratch, &kustomized("overlays/unprivileged")?)?;
    for (chart, overlay) in [(&of_chart, &of_overlay), (&less_of_chart, &less_of_overlay)] {
        assert_eq!(pod(chart)?, pod(overlay)?);
        let rules = |documents| {
            Ok::<_, anyhow::Error>(of_kind(documents, "ClusterRole")?.get("rules").cloned())
        };
        assert_eq!(rules(chart)?, rules(overlay)?);
    }
    Ok(())
}

/// The pod without what only one of the two can set, with its containers' environment as a map.
fn pod(documents: &[Value]) -> Result<Value> {
    let set = of_kind(documents, "DaemonSet")?;
    let mut pod = set
        .pointer("/spec/template/spec")
        .context("no pod")?
        .clone();
    let container = pod.pointer_mut("/containers/0").context("no container")?;
    let fields = container.as_object_mut().context("no object")?;
    let image = fields.remove("image");
    ensure!(
        image.is_some_and(|image| image == "localhost/egress:0.1.0"),
        "the image"
    );
    let environment = fields.remove("env").context("no environment")?;
    let environment = environment.as_array().context("no list")?.iter();
    let named: BTreeMap<_, _> = environment
        .map(|variable| (variable.get("name").map(Value::to_string), variable.clone()))
        // How much is told is the chart's alone.
        .filter(|(name, _)| name.as_deref() != Some("\"EGRESS_LOG\""))
        .collect();
    fields.insert("env".into(), named.into_values().collect());
    let strategy = set.pointer("/spec/updateStrategy").context("no strategy")?;
    Ok(serde_json::json!({ "pod": pod, "strategy": strategy }))
}
