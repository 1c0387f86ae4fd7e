//! The archive: files below one directory, and a list of what is not there.

use std::fmt::Display;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tar::{Builder, Header};

/// The directory that everything is in.
const ROOT: &str = "egress-support";
/// Bytes of one file: a larger one is not for a mail, and who needs it can ask for it.
const LARGEST: usize = 16 * 1024 * 1024;

/// What has been collected.
#[derive(Debug, Default)]
pub(super) struct Archive {
    files: Vec<(String, Vec<u8>)>,
    missing: Vec<String>,
}

impl Archive {
    /// Takes a file in, or notes why there is none.
    pub(super) fn add(&mut self, name: &str, content: Result<impl Into<Vec<u8>>, impl Display>) {
        match content.map(Into::into) {
            Ok(content) if content.len() > LARGEST => {
                let length = content.len();
                self.lacks(
                    name,
                    format!("it has {length} bytes, and {LARGEST} are the most"),
                );
            }
            Ok(content) => self.files.push((name.to_owned(), content)),
            Err(error) => self.lacks(name, error),
        }
    }

    /// The same, of a value as JSON.
    pub(super) fn add_json(&mut self, name: &str, value: Result<impl Serialize, impl Display>) {
        match value {
            Ok(value) => self.add(name, serde_json::to_vec_pretty(&value)),
            Err(error) => self.lacks(name, error),
        }
    }

    fn lacks(&mut self, name: &str, why: impl Display) {
        self.missing.push(format!("{name}: {why}"));
    }

    /// What is not there, and why.
    pub(super) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// All of it, as a tar archive.
    pub(super) fn finish(self, time: SystemTime) -> io::Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let left_out = self.missing.join("\n").into_bytes();
        let list = ("left-out.txt".to_owned(), left_out);
        for (name, content) in self.files.iter().chain([&list]) {
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(since.as_secs());
            builder.append_data(&mut header, format!("{ROOT}/{name}"), content.as_slice())?;
        }
        builder.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_could_not_be_had_is_told_in_the_archive() {
        let mut archive = Archive::default();
        archive.add("a.txt", Ok::<_, String>("text"));
        archive.add("b.txt", Err::<String, _>("not there"));
        archive.add("c.txt", Ok::<_, String>(vec![0; LARGEST + 1]));
        assert_eq!(archive.missing().len(), 2);
        let bytes = archive.finish(SystemTime::now()).expect("an archive");
        let mut read = tar::Archive::new(bytes.as_slice());
        let files: Vec<_> = read
            .entries()
            .expect("entries")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let name = entry.path().expect("a path").display().to_string();
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("text");
                (name, text)
            })
            .collect();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["egress-support/a.txt", "egress-support/left-out.txt"]
        );
        let told = files
            .last()
            .map(|(_, text)| text.as_str())
            .unwrap_or_default();
        assert!(
            told.starts_with("b.txt: not there\nc.txt: it has "),
            "{told}"
        );
    }
}
