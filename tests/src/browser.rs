//! A real browser, driven as its own tools drive it: Chromium without a window, over the `DevTools` protocol.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::client::Client;
use crate::command;
use crate::wait::wait_until;

/// The browser; its package has the same name.
const BROWSER: &str = "chromium";

/// The browser talks at descriptors 3 and 4; its own words go where its errors do.
const START: &str = r#"exec "$@" 3<&0 4>&1 0</dev/null 1>&2"#;

/// As root it has no sandbox, and in a test no need of one: it sees only the testbed. All that it does of
/// its own accord is off.
const OPTIONS: [&str; 13] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
];

/// One step: a browser starts in a second, and on a loaded machine in many.
const STEP: Duration = Duration::from_mins(1);
/// What ends a message.
const END: u8 = 0;

/// A browser with one page. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    requests: ChildStdin,
    messages: Receiver<Value>,
    /// What the browser said of its own accord.
    events: Vec<Value>,
    last: u64,
    session: Option<String>,
}

impl Browser {
    /// Starts one in a client's place, with its files below `dir`.
    pub fn start(client: &Client, dir: &Path) -> Result<Self> {
        if command::find(BROWSER).is_none() {
            bail!("{BROWSER} is not installed, and this test runs it (Debian: {BROWSER})");
        }
        let dir = dir.join("browser");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let log = File::create(dir.join("log")).context("cannot make the browser's log")?;
        let mut child = client
            .command("sh")
            .args(["-c", START, "browser", BROWSER])
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", dir.display()))
            .env("HOME", &dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start the browser")?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the browser was started without pipes");
        };
        let mut browser = Self {
            child,
            requests,
            messages: messages(answers),
            events: Vec::new(),
            last: 0,
            session: None,
        };
        browser.begin()?;
        Ok(browser)
    }

    /// Makes the page, and has it tell of requests, errors and what its console says.
    fn begin(&mut self) -> Result<()> {
        let page = self.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let target = page.get("targetId").context("no page")?;
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = self.call("Target.attachToTarget", &attach)?;
        let session = attached.get("sessionId").and_then(Value::as_str);
        self.session = Some(session.context("no session")?.to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(())
    }

    /// Goes to an address.
    pub fn open(&mut self, url: &str) -> Result<()> {
        let went = self.call("Page.navigate", &json!({ "url": url }))?;
        match went.get("errorText").and_then(Value::as_str) {
            None => Ok(()),
            Some(error) => bail!("{url}: {error}"),
        }
    }

    /// The value of an expression, as if a person had clicked; of a promise what it comes to.
    pub fn ask(&mut self, expression: &str) -> Result<Value> {
        let told = self.call(
            "Runtime.evaluate",
            &json!({
                "expression": expression,
                "returnByValue": true,
                "awaitPromise": true,
                "userGesture": true,
            }),
        )?;
        if let Some(thrown) = told.get("exceptionDetails") {
            bail!("`{expression}`: {thrown}");
        }
        Ok(told
            .pointer("/result/value")
            .cloned()
            .unwrap_or(Value::Null))
    }

    /// Waits until an expression is true; the page's text is told if it never is.
    pub fn wait(&mut self, expression: &str) -> Result<()> {
        let mut last = Ok(Value::Null);
        let waited = wait_until(expression, STEP, || {
            last = self.ask(expression);
            match &last {
                Ok(value) => (*value == Value::Bool(true)).then_some(()),
                Err(_) => Some(()),
            }
        });
        last?;
        waited.with_context(|| {
            let text = self.ask("document.body.innerText");
            text.unwrap_or_default()
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
    }

    /// A command of the `DevTools` protocol; what it gives.
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.last += 1;
        let mut request = json!({ "id": self.last, "method": method, "params": params });
        if let (Some(session), Some(fields)) = (&self.session, request.as_object_mut()) {
            fields.insert("sessionId".into(), session.as_str().into());
        }
        let mut bytes = request.to_string().into_bytes();
        bytes.push(END);
        self.requests
            .write_all(&bytes)
            .context("the browser has ended")?;
        loop {
            let message = self.messages.recv_timeout(STEP);
            let message =
                message.with_context(|| format!("the browser says nothing to {method}"))?;
            if message.get("id") != Some(&self.last.into()) {
                self.events.push(message);
            } else if let Some(error) = message.get("error") {
                bail!("{method}: {error}");
            } else {
                return Ok(message.get("result").cloned().unwrap_or_default());
            }
        }
    }

    /// The addresses that the page has asked for.
    pub fn requested(&self) -> Vec<String> {
        let urls = self.events_of("Network.requestWillBeSent");
        let urls = urls.filter_map(|params| params.pointer("/request/url")?.as_str());
        urls.map(Into::into).collect()
    }

    /// What the page's console and the browser have said of it: exceptions, broken rules, messages.
    pub fn complaints(&self) -> Vec<String> {
        let kinds = [
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
        ];
        let all = kinds.into_iter().flat_map(|kind| self.events_of(kind));
        all.map(ToString::to_string).collect()
    }

    fn events_of(&self, method: &'static str) -> impl Iterator<Item = &Value> {
        let events = self.events.iter();
        let events = events.filter(move |event| event.get("method") == Some(&method.into()));
        events.filter_map(|event| event.get("params"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes end when it does. Errors mean that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What the browser says, as it comes. The thread ends when the browser does.
fn messages(answers: ChildStdout) -> Receiver<Value> {
    let (sender, messages) = mpsc::channel();
    thread::spawn(move || {
        for message in BufReader::new(answers).split(END).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice(&message) else {
                break;
            };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    messages
}
