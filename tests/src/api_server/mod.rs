//! A Kubernetes API as far as it tells of pods and namespaces: list, watch, bookmarks, 410 Gone, and what goes wrong.
//!
//! It is a real HTTP server that speaks the watch protocol (kubernetes.io, "API concepts"), on a thread for each
//! connection.

mod http;
mod state;

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::socket::shutdown;
use serde_json::{Value, json};

use http::{Asked, Kind};
use state::{Listed, Shared, Told};

/// A server; it ends when this is dropped.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The one that is accepted from, to end that.
    listener: TcpListener,
    accepting: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Serves what comes to `listener`.
    pub fn serve(listener: TcpListener) -> Result<Self> {
        let address = listener
            .local_addr()
            .context("a listener without an address")?;
        let own = listener
            .try_clone()
            .context("a listener that cannot be shared")?;
        let shared = Arc::<Shared>::default();
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self {
            address,
            shared,
            listener: own,
            accepting: Some(accepting),
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes a kubeconfig that leads to it.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<()> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        // JSON is YAML.
        std::fs::write(path, config.to_string())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Makes a namespace, or changes it.
    pub fn namespace(&self, name: &str, labels: &Value) {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "uid": name, "labels": labels},
        });
        self.shared.put(Kind::Namespaces, name, object);
    }

    /// Makes a pod, or changes it: a whole one with these fields of its own. Its name is its key.
    pub fn pod(&self, namespace: &str, name: &str, uid: &str, node: &str, labels: &Value) {
        self.put_pod(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "uid": uid, "labels": labels},
            "spec": {"nodeName": node, "serviceAccountName": "default", "containers": []},
            "status": {"phase": "Running", "podIPs": []},
        }));
    }

    /// Makes a pod, or changes it.
    pub fn put_pod(&self, pod: Value) {
        let name = pod.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        self.shared.put(Kind::Pods, &name, pod);
    }

    /// Removes a pod.
    pub fn remove_pod(&self, name: &str) {
        self.shared.remove(Kind::Pods, name);
    }

    /// Removes a pod that watches are not told of, as if it had happened while nobody watched.
    pub fn lose_pod(&self, name: &str) {
        self.shared.lose(Kind::Pods, name);
    }

    /// Moves all watches on.
    pub fn bookmark(&self) {
        self.shared.bookmark();
    }

    /// Forgets what has happened until now: who watches from before is told 410.
    pub fn compact(&self) {
        self.shared.compact();
    }

    /// Tells all watches that they have come too late, and ends them.
    pub fn expire(&self) {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
            "message": "too old resource version",
        });
        self.say(&json!({"type": "ERROR", "object": status}).to_string());
        self.disconnect();
    }

    /// Says a line to all watches, whatever it is.
    pub fn say(&self, line: &str) {
        self.shared.say(line);
    }

    /// Breaks all watches off.
    pub fn disconnect(&self) {
        self.shared.disconnect();
    }

    /// Has the server be there, or not: then it takes connections, and closes them.
    pub fn set_up(&self, up: bool) {
        self.shared.set_up(up);
    }

    /// Has it answer nothing until it is let go on.
    pub fn hold(&self, held: bool) {
        self.shared.hold(held);
    }

    /// Has it answer everything with this status; `None`: as ever.
    pub fn refuse(&self, status: Option<u16>) {
        self.shared.refuse(status);
    }

    /// Objects of one answer.
    pub fn page_by(&self, objects: usize) {
        self.shared.page_by(objects);
    }

    /// What has been asked: the targets of requests.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.shared.close();
        // Wakes who accepts, in whatever network namespace it is. What is ended already needs no waking.
        let _ = shutdown(self.listener.as_raw_fd(), nix::sys::socket::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            // If it has panicked, a test has failed for it.
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_closed() {
            return;
        }
        if let Ok(stream) = stream {
            let shared = Arc::clone(shared);
            thread::spawn(move || serve(stream, &shared));
        }
    }
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream, shared: &Shared) {
    while shared.is_up() {
        let Ok(Some(asked)) = Asked::read(&mut stream) else {
            return;
        };
        shared.note(&asked.target);
        if !shared.wait_until_let() {
            return;
        }
        let answered = if let Some(status) = shared.refused() {
            refuse(&mut stream, status)
        } else if asked.watches() {
            // Its end is the end of the connection.
            let _ = watch(&mut stream, &asked, shared);
            let _ = stream.shutdown(Shutdown::Both);
            return;
        } else {
            list(&mut stream, &asked, shared)
        };
        if answered.is_err() {
            return;
        }
    }
}

fn list(stream: &mut TcpStream, asked: &Asked, shared: &Shared) -> io::Result<()> {
    let Some(kind) = asked.kind() else {
        return refuse(stream, 404);
    };
    let from = asked.get("continue").and_then(|token| token.parse().ok());
    let most = asked.get("limit").and_then(|limit| limit.parse().ok());
    let (from, most) = (from.unwrap_or(0), most.unwrap_or(usize::MAX));
    let Listed {
        items,
        version,
        more,
    } = shared.list(kind, asked.node(), from, most);
    let token = more.map(|next| next.to_string()).unwrap_or_default();
    let body = json!({
        "apiVersion": "v1", "kind": kind.list(), "items": items,
        "metadata": {"resourceVersion": version.to_string(), "continue": token},
    });
    http::answer(stream, 200, &body.to_string())
}

fn watch(stream: &mut TcpStream, asked: &Asked, shared: &Shared) -> io::Result<()> {
    let from = asked
        .get("resourceVersion")
        .and_then(|version| version.parse().ok());
    let (Some(kind), Some(mut version)) = (asked.kind(), from) else {
        return refuse(stream, 404);
    };
    let seconds = asked
        .get("timeoutSeconds")
        .and_then(|seconds| seconds.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(300));
    let Some(mut watching) = shared.watch(version) else {
        return refuse(stream, 410);
    };
    http::begin_chunks(stream)?;
    while let Some(Told { lines, at }) =
        shared.next(&mut watching, kind, asked.node(), version, end)
    {
        for line in lines {
            http::chunk(stream, &format!("{line}\n"))?;
        }
        version = at;
    }
    if Instant::now() >= end {
        http::end_chunks(stream)?;
    }
    stream.flush()
}

fn refuse(stream: &mut TcpStream, code: u16) -> io::Result<()> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": "Test", "message": "the test refuses",
    });
    http::answer(stream, code, &status.to_string())
}
