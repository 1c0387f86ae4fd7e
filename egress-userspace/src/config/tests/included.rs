//! Configurations of several files.

use std::fs;
use std::path::PathBuf;

use super::super::load::MAX_TEXT;
use super::MINIMAL;
use crate::config::{Config, ReadError};
use crate::types::{Mode, OnRevoke};

/// A directory with these files, the first of which is the configuration's.
fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Config, ReadError>) {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("it is made");
        fs::write(path, text).expect("it is written");
    }
    let main = files.first().expect("a file").0;
    let config = Config::read(&dir.path().join(main));
    (dir, config)
}

fn service(name: &str) -> String {
    let ports = "[{ number = 443, protocol = 'TLS' }]";
    format!("\n\n[[service]]\nname = '{name}'\nhosts = ['{name}.example']\nports = {ports}\n")
}

#[test]
fn included_files_are_read_in_the_order_of_their_names() {
    let main = format!("include = ['d/*.toml', 'd/b.toml', 'one.toml']\n{MINIMAL}");
    let broken = "not TOML";
    let (dir, config) = read(&[
        ("main.toml", &main),
        ("d/b.toml", &service("b")),
        ("d/a.toml", &service("a")),
        ("d/.hidden.toml", broken),
        ("d/a.toml.bak", broken),
        ("d/c.toml/x", broken),
        ("one.toml", &service("one")),
    ]);
    let config = config.expect("a configuration");
    let names: Vec<_> = config.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["api", "a", "b", "one"]);
    let place = |name: &str| dir.path().join(name);
    let files = ["main.toml", "d/a.toml", "d/b.toml", "one.toml"].map(place);
    assert_eq!(config.sources, files, "each once");
    assert_eq!(config.include_dirs, [place("d")]);
    let places: Vec<_> = config
        .services
        .iter()
        .map(|s| s.place.to_string())
        .collect();
    let expected = files.map(|file| format!("{}:3", file.display()));
    assert_eq!(places.get(1..), expected.get(1..));
}

#[test]
fn a_pattern_may_find_nothing_but_in_a_directory_that_is_there() {
    let main = format!("include = ['later/*.toml']\n{MINIMAL}");
    let (dir, config) = read(&[("main.toml", &main), ("later/README.md", "")]);
    assert_eq!(config.expect("a configuration").services.len(), 1);

    let later = dir.path().join("later");
    fs::remove_dir_all(&later).expect("removed");
    let Err(ReadError::Invalid(errors)) = Config::read(&dir.path().join("main.toml")) else {
        panic!("what was denied there is denied no more");
    };
    assert_eq!(errors.include_dirs(), [later], "where it may be mended");
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    for include in ["d/*.toml", "d/pipe.toml"] {
        let main = format!("include = ['{include}']\n{MINIMAL}");
        let (dir, _) = read(&[("main.toml", &main), ("d/README.md", "")]);
        let pipe = dir.path().join("d/pipe.toml");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
        let error = Config::read(&dir.path().join("main.toml")).expect_err("a pipe");
        let said = error.to_string();
        assert!(said.contains("pipe.toml: not a regular file"), "{said}");
    }
    let main = format!("{MINIMAL}\n[gateway]\nshadow = '/dev/zero'");
    let (_dir, config) = read(&[("main.toml", &main)]);
    let said = config.expect_err("a device").to_string();
    assert!(said.contains("/dev/zero: not a regular file"), "{said}");
}

#[test]
fn a_wrong_configuration_says_which_files_may_be_mended() {
    let main = format!("include = ['d/*.toml', 'gone.toml']\n{MINIMAL}");
    let (dir, config) = read(&[("main.toml", &main), ("d/a.toml", "x = ")]);
    let Err(ReadError::Invalid(errors)) = config else {
        panic!("wrong");
    };
    let place = |name: &str| dir.path().join(name);
    assert_eq!(
        errors.files(),
        ["main.toml", "d/a.toml", "gone.toml"].map(place)
    );
    assert_eq!(errors.include_dirs(), [place("d")]);
    let files: Vec<_> = errors
        .iter()
        .map(|error| PathBuf::from(error.file))
        .collect();
    assert_eq!(files, ["main.toml", "d/a.toml"].map(place));
}

#[test]
fn the_bound_holds_for_all_files_together() {
    let dir = tempfile::tempdir().expect("a directory");
    let main = dir.path().join("main.toml");
    fs::write(&main, format!("include = ['long.toml']\n{MINIMAL}")).expect("written");
    let long = fs::File::create(dir.path().join("long.toml")).expect("a file");
    long.set_len(MAX_TEXT - 10).expect("a long file");
    let error = Config::read(&main).expect_err("too long").to_string();
    assert!(
        error.contains("with the files before it, longer than"),
        "{error}"
    );
}

#[test]
fn the_shadow_is_a_whole_configuration_of_which_the_policy_counts() {
    let main = format!("{MINIMAL}\n[gateway]\nshadow = 'next/main.toml'\non_revoke = 'keep'");
    let next =
        format!("include = ['*.toml']\n{MINIMAL}\n[gateway]\nmode = 'audit'\nshadow = 'gone.toml'");
    let (dir, config) = read(&[
        ("main.toml", &main),
        ("next/main.toml", &next),
        ("next/more.toml", &service("more")),
    ]);
    let config = config.expect("a configuration");
    let shadow = config.shadow.expect("a shadow");
    let names: Vec<_> = shadow.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["api", "more"]);
    assert_eq!(
        (config.gateway.mode, shadow.mode),
        (Mode::Enforce, Mode::Audit)
    );
    let on_revoke = |services: &[crate::types::Service]| services.first().map(|s| s.on_revoke);
    assert_eq!(on_revoke(&config.services), Some(OnRevoke::Keep));
    assert_eq!(on_revoke(&shadow.services), Some(OnRevoke::Close));
    assert_eq!(config.include_dirs, [dir.path().join("next")]);
    assert_eq!(config.sources.len(), 3);
}

#[test]
fn a_file_is_not_its_own_shadow() {
    let main = format!("{MINIMAL}\n[gateway]\nshadow = './main.toml'");
    let (_dir, config) = read(&[("main.toml", &main)]);
    let said = config.expect_err("an error").to_string();
    assert!(said.contains("the shadow is this file itself"), "{said}");
}

#[test]
fn what_is_wrong_in_the_shadow_is_reported() {
    let main = format!("{MINIMAL}\n[gateway]\nshadow = 'next.toml'");
    let (_dir, config) = read(&[("main.toml", &main), ("next.toml", "[gatway]")]);
    let said = config.expect_err("errors").to_string();
    assert!(said.contains("next.toml:1:2"), "{said}");
    assert!(said.contains("did you mean `gateway`?"), "{said}");
}

#[test]
fn a_text_alone_reads_no_files() {
    let text = format!("include = ['/gone.toml']\n{MINIMAL}\n[gateway]\nshadow = '/gone.toml'");
    let config = Config::from_toml("text", &text).expect("a configuration");
    assert_eq!(config.services.len(), 1);
    assert!(config.shadow.is_none());
}
