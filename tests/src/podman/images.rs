//! The images, made from nothing: no registry is asked.
//!
//! They are in a store of their own below the target directory, which all nodes read and none changes, and are
//! made again when the gateway has been built again. Others are removed then, but for those that a node reads.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command;
use crate::gateway;

use super::node::{Node, storage};

/// The gateway: the program, what it is linked with, and roots of trust, laid out as in `deploy/image`.
pub(super) const GATEWAY: &str = "localhost/egress:dev";
/// Directories for a client's programs, which are the machine's: it has `/usr` mounted.
pub(super) const CLIENT: &str = "localhost/client:dev";
/// What keeps a pod's namespaces. It need not be the first process of its PID namespace, as Podman's own has
/// to, and so can be in a pod that has the node's.
pub(super) const PAUSE: &str = "localhost/pause:dev";

/// Debian's bundle of authorities.
const ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";
/// Where stores are.
const STORES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tmp/images");

/// A store, which stays for as long as this is held.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) path: PathBuf,
    /// Locked for all who read the store.
    pub(super) held: File,
}

/// The store of the images with the present binary; makes it if it is not there.
pub(super) fn store(node: &Node) -> Result<Store> {
    let stores = Path::new(STORES);
    fs::create_dir_all(stores).context("cannot make target/tmp/images")?;
    let stores = stores.canonicalize()?;
    let binary = gateway::binary()?;
    let about = fs::metadata(&binary)?;
    let (seconds, nanoseconds) = (about.mtime(), about.mtime_nsec());
    let store = stores.join(format!("{}-{seconds}-{nanoseconds}", about.size()));
    // Tests are processes of their own: the first makes it, the others wait.
    let lock = File::create(stores.join("lock"))?;
    lock.lock()?;
    let done = store.join("done");
    if !done.exists() {
        // All others are of a binary that is not there any more.
        for entry in fs::read_dir(&stores)?.flatten() {
            if entry.path().is_dir() {
                remove_unused(&entry.path())?;
            }
        }
        fs::create_dir_all(&store)?;
        node.write("images.conf", &storage(&store, ""))?;
        all(node, &binary)?;
        fs::write(done, "")?;
    }
    let held = File::create(in_use(&store))?;
    held.lock_shared()?;
    Ok(Store { path: store, held })
}

/// What those who read a store have locked.
fn in_use(store: &Path) -> PathBuf {
    store.with_extension("in-use")
}

/// Removes a store that no node reads.
fn remove_unused(store: &Path) -> Result<()> {
    let used = in_use(store);
    if File::create(&used)?.try_lock().is_ok() {
        fs::remove_dir_all(store)?;
        fs::remove_file(used)?;
    }
    Ok(())
}

fn all(node: &Node, binary: &Path) -> Result<()> {
    let egress = node.directory("image/egress")?;
    for place in ["usr/bin", "etc/egress", "run/egress", "tmp"] {
        fs::create_dir_all(egress.join(place))?;
    }
    bring_libraries(&egress, binary)?;
    let mut strip = command::system("strip");
    // What only a debugger reads is most of it.
    strip.args(["--strip-debug", "-o"]);
    command::stdout(strip.arg(egress.join("usr/bin/egress")).arg(binary))?;
    let roots = egress.join(ROOTS);
    roots.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::copy(Path::new("/").join(ROOTS), roots).context("cannot copy the roots of trust")?;
    let starts = ["ENTRYPOINT [\"/usr/bin/egress\"]", "ENV PATH=/usr/bin"];
    import(node, &egress, GATEWAY, &starts)?;

    let client = node.directory("image/client")?;
    for place in ["usr", "etc", "tmp", "proc", "sys", "dev", "run", "shared"] {
        fs::create_dir_all(client.join(place))?;
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), client.join(link))?;
    }
    import(node, &client, CLIENT, &[])?;

    let pause = node.directory("image/pause")?;
    let sleep = command::find("sleep").context("no sleep on this machine")?;
    bring_libraries(&pause, &sleep)?;
    fs::copy(sleep, pause.join("sleep"))?;
    import(
        node,
        &pause,
        PAUSE,
        &["ENTRYPOINT [\"/sleep\", \"infinity\"]"],
    )
}

/// Copies what a program is linked with, the dynamic linker among it, to the same places.
fn bring_libraries(root: &Path, program: &Path) -> Result<()> {
    let needs = command::stdout(command::system("ldd").arg(program))?;
    for library in needs
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let to = root.join(library.trim_start_matches('/'));
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(library, &to).with_context(|| format!("cannot copy {library}"))?;
    }
    Ok(())
}

fn import(node: &Node, root: &Path, name: &str, changes: &[&str]) -> Result<()> {
    let archive = root.with_extension("tar");
    let mut tar = command::system("tar");
    tar.arg("-C").arg(root).arg("-cf").arg(&archive).arg(".");
    command::stdout(&mut tar)?;
    let mut podman = node.podman_with("containers.conf", "images.conf");
    podman.args(["import", "--quiet"]);
    for change in changes {
        podman.args(["--change", change]);
    }
    command::stdout(podman.arg(&archive).arg(name))?;
    fs::remove_file(archive)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_store_that_nobody_reads_is_removed() {
        let scratch = std::env::temp_dir().join(format!("egress-stores-{}", std::process::id()));
        let store = scratch.join("1-2-3");
        fs::create_dir_all(&store).expect("made");
        let held = File::create(in_use(&store)).expect("made");
        held.lock_shared().expect("locked");
        remove_unused(&store).expect("it is looked at");
        assert!(store.exists());
        drop(held);
        remove_unused(&store).expect("it is removed");
        assert!(!store.exists());
        fs::remove_dir_all(scratch).expect("removed");
    }
}
