//! What namespaces may say, and what becomes of what they may not.

mod bounds;
mod cases;
mod hostile;
mod reread;
mod written;

use std::fs;
use std::path::Path;

use crate::config::{Config, LastGood, NamespaceFile};

const CLUSTER: &str = r#"
[[scope]]
cgroups = ["/kubepods.slice"]

[namespaces]
files = "namespaces"

[[namespaces.ceiling]]
namespaces = ["team-*"]
hosts = ["*.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
"#;

/// A service for one name.
fn service(name: &str, host: &str) -> String {
    format!(
        "[[service]]\nname = \"{name}\"\nhosts = [\"{host}\"]\n\
         ports = [{{ number = 443, protocol = \"TLS\" }}]\nresolution = \"DNS\"\n"
    )
}

/// A cluster's file, and files of namespaces, of which the names stand without `.toml`.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new(cluster: &str, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("namespaces")).expect("it is made");
        let scene = Self(dir);
        scene.cluster(cluster);
        for (namespace, text) in files {
            scene.write(namespace, text);
        }
        scene
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn cluster(&self, text: &str) {
        fs::write(self.path().join("egress.toml"), text).expect("it is written");
    }

    fn write(&self, namespace: &str, text: &str) {
        let file = format!("namespaces/{namespace}.toml");
        fs::write(self.path().join(file), text).expect("it is written");
    }

    fn read(&self) -> Config {
        self.read_after(LastGood::default())
    }

    fn read_after(&self, last_good: LastGood) -> Config {
        let path = self.path().join("egress.toml");
        let read = Config::read_with_text(&path, last_good);
        read.unwrap_or_else(|error| panic!("{error}")).0
    }
}

fn file<'a>(config: &'a Config, namespace: &str) -> &'a NamespaceFile {
    let mut files = config.namespaces.files.iter();
    files
        .find(|file| &*file.namespace == namespace)
        .expect("a file")
}

fn names(file: &NamespaceFile) -> Vec<&str> {
    file.services.iter().map(|s| s.name.as_str()).collect()
}

fn errors(file: &NamespaceFile) -> String {
    file.errors
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}
