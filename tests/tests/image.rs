//! The container image: made of the binary under test, twice, and looked into.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{binary, command, python_tool};
use serde_json::Value;

/// Where `cargo build` leaves what makes it, from this package's directory.
const XTASK: &str = "../target/debug/xtask";

/// Reads a bill of materials as `CycloneDX`'s own schema has it. Its own types are needed to read one with no field lost, and
/// the schema to see that none is there that should not be.
const BILL: &str = r"
import json, pathlib, sys
import cyclonedx, jsonschema
from cyclonedx.model.bom import Bom
from referencing import Registry, Resource

schemas = pathlib.Path(cyclonedx.__file__).parent / 'schema/_res'
def schema(name):
    return json.loads((schemas / f'{name}.SNAPSHOT.schema.json').read_text())
own = schema('bom-1.6')
others = [Resource.from_contents(schema(name)) for name in ('spdx', 'jsf-0.82')]
registry = Registry().with_resources((other.id(), other) for other in others)
bill = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator(own, registry=registry).validate(bill)
bom = Bom.from_json(bill)
bom.validate()
print(len(bom.components))
";

/// An image, unpacked.
struct Image {
    dir: PathBuf,
}

impl Image {
    /// Of the binary under test.
    fn make(name: &str) -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("egress-image-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("root"))?;
        let image = Self { dir };
        image.pack("out")?;
        let layer = image.layer("out")?;
        let mut tar = command::system("tar");
        tar.arg("-xzf").arg(image.dir.join("out/blobs").join(layer));
        command::run(tar.arg("-C").arg(image.dir.join("root")))?;
        Ok(image)
    }

    /// Makes the archive and unpacks it, to below this directory.
    fn pack(&self, out: &str) -> Result<()> {
        let out = self.dir.join(out);
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR")).join(XTASK);
        let mut xtask = command::system(&xtask.to_string_lossy());
        xtask.args(["image", "--binary"]).arg(binary()?);
        xtask
            .arg("--out")
            .arg(&out)
            .env("SOURCE_DATE_EPOCH", "1795000000");
        let archive = command::stdout(&mut xtask)?;
        let mut tar = command::system("tar");
        tar.args(["-xf", archive.trim(), "-C"]).arg(&out);
        command::run(&mut tar)
    }

    /// A part of the image, by its digest.
    fn blob(&self, out: &str, digest: &str) -> Result<Value> {
        let path = self
            .dir
            .join(out)
            .join("blobs")
            .join(digest.replace(':', "/"));
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    fn index(&self, out: &str) -> Result<Value> {
        let index = fs::read(self.dir.join(out).join("index.json"))?;
        Ok(serde_json::from_slice(&index)?)
    }

    fn manifest(&self, out: &str) -> Result<(String, Value)> {
        let digest = text(&self.index(out)?, "/manifests/0/digest")?;
        let manifest = self.blob(out, &digest)?;
        Ok((digest, manifest))
    }

    /// Where the one layer is, below the blobs.
    fn layer(&self, out: &str) -> Result<String> {
        let (_, manifest) = self.manifest(out)?;
        ensure!(manifest.pointer("/layers/1").is_none(), "{manifest}");
        Ok(text(&manifest, "/layers/0/digest")?.replace(':', "/"))
    }

    /// What its program prints, run by a user in it and nowhere else.
    fn run(&self, user: &str, arguments: &[&str]) -> Result<String> {
        let mut chroot = command::system("chroot");
        chroot
            .arg(format!("--userspec={user}"))
            .arg(self.dir.join("root"));
        command::stdout(chroot.arg("/usr/bin/egress").args(arguments))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // What cannot be removed is below the system's directory for such things.
        fs::remove_dir_all(&self.dir).ok();
    }
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("no {pointer} in {value}"))
}

#[test]
fn the_same_binary_makes_the_same_image_with_all_that_it_needs() -> Result<()> {
    let image = Image::make("same")?;
    image.pack("again")?;
    let (first, manifest) = image.manifest("out")?;
    let (second, _) = image.manifest("again")?;
    assert_eq!(first, second, "it is another each time");

    let config = image.blob("out", &text(&manifest, "/config/digest")?)?;
    assert_eq!(text(&config, "/os")?, "linux");
    let label = |name: &str| {
        text(
            &config,
            &format!("/config/Labels/org.opencontainers.image.{name}"),
        )
    };
    assert_eq!(label("version")?, env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses")?, "MIT OR Apache-2.0");
    assert_eq!(label("created")?, "2026-11-18T11:06:40Z");
    ensure!(label("revision")?.len() >= 12, "{config}");
    assert_eq!(text(&config, "/config/Entrypoint/0")?, "/usr/bin/egress");

    let version = concat!("egress ", env!("CARGO_PKG_VERSION"));
    assert_eq!(image.run("0:0", &["--version"])?.trim(), version);
    // Whoever it is: what only reads needs no rights.
    let etc = image.dir.join("root/etc/egress");
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/minimal.toml"),
        etc.join("egress.toml"),
    )?;
    let said = image.run("65534:65534", &["check", "/etc/egress/egress.toml"])?;
    ensure!(said.contains(": ok — "), "{said}");
    Ok(())
}

#[test]
fn nothing_in_it_can_be_changed_by_others_and_its_bill_is_right() -> Result<()> {
    let image = Image::make("bill")?;
    let root = image.dir.join("root");
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            let about = fs::symlink_metadata(&path)?;
            ensure!(
                about.uid() == 0 && about.mode() & 0o6022 == 0,
                "{}",
                path.display()
            );
            if about.is_dir() {
                directories.push(path);
            }
        }
    }
    let roots = fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt"))?;
    ensure!(roots.matches("BEGIN CERTIFICATE").count() > 50);
    for package in ["libc6", "libgcc-s1", "ca-certificates"] {
        let terms = root.join("usr/share/doc").join(package).join("copyright");
        ensure!(terms.is_file(), "{}", terms.display());
    }

    let bill = root.join("usr/share/doc/egress/sbom.cdx.json");
    let mut python = python_tool("python")?;
    let count = command::stdout(python.args(["-c", BILL]).arg(&bill))?;
    ensure!(count.trim().parse::<usize>()? > 100, "{count}");
    let bill = fs::read_to_string(bill)?;
    for part in [
        "\"pkg:cargo/tokio@",
        "\"pkg:deb/debian/libc6@",
        "\"pkg:cargo/opentelemetry-proto@",
    ] {
        ensure!(bill.contains(part), "{part}");
    }
    ensure!(
        !bill.contains("\"pkg:cargo/proptest@"),
        "what is only for tests is in no image"
    );
    Ok(())
}
