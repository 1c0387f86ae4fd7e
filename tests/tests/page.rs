//! The status page in a real browser, beside a gateway that carries real connections.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Browser, Process, Python, Scene, command, registry};
use serde_json::{Value, json};

/// Where the gateway serves the page.
const ADMIN: &str = "[admin]\napi = \"127.0.0.1:15000\"\n";
const PAGE: &str = "http://127.0.0.1:15000/";

/// Tells the page's script what is worst.
const HOSTILE_API: &str = include_str!("hostile_api.py");
const HOSTILE_PAGE: &str = "http://127.0.0.1:15099/";

/// Markup that runs as soon as it is in a page. A file can have this name: it has no slash.
const HOSTILE: &str = "<img src=x onerror=window.owned=1>";

/// What is counted has happened within a fraction of a second; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);

/// Set, the page's picture in the documentation is taken anew.
const UPDATE: &str = "UPDATE_DOCS";
const PICTURE: &str = "docs/status-page.png";

fn scene() -> Result<Scene> {
    Scene::new(ADMIN)
}

fn browser(scene: &Scene) -> Result<Browser> {
    let mut browser = Browser::start(&scene.bed.outside(), scene.bed.dir())?;
    // What the page's own rules forbid is told of while it is fetched.
    browser.open(PAGE)?;
    browser.wait("Number(document.body?.dataset.looks) >= 2")?;
    Ok(browser)
}

/// An element comes to have this text.
fn shows(browser: &mut Browser, selector: &str, text: &str) -> Result<()> {
    browser.wait(&format!(
        "document.querySelector({selector:?}).textContent.includes({})",
        Value::from(text)
    ))
}

/// Nothing was complained of, nothing but the gateway was asked, and nothing became markup.
fn assert_clean(browser: &mut Browser, origin: &str) -> Result<()> {
    assert_eq!(browser.complaints(), Vec::<String>::new());
    for url in browser.requested() {
        assert!(url.starts_with(origin) || url == "data:,", "{url}");
    }
    assert_eq!(browser.ask("window.owned ?? null")?, Value::Null);
    let foreign =
        "document.querySelectorAll('img, iframe, object, embed, a[href^=javascript]').length";
    assert_eq!(browser.ask(foreign)?, 0);
    assert_eq!(browser.ask("document.scripts.length")?, 1);
    assert_eq!(browser.ask("document.title")?, "egress");
    Ok(())
}

/// A client with a connection to the database, which both sides keep open.
fn connected(scene: &Scene) -> Result<Python> {
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432)")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    Ok(client)
}

/// A connection on which the server sends some megabytes a second until it ends; keep both.
fn streaming(scene: &Scene) -> Result<[Python; 2]> {
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.20', 6000)")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 6000)")?;
    server.run(
        "c = accept(l)
def pour():
    while True:
        c.sendall(bytes(65536))
        time.sleep(0.02 + 0.01 * (int(time.monotonic() / 4) % 3))
threading.Thread(target=pour, daemon=True).start()",
    )?;
    client.run(
        "def drink():
    while s.recv(65536): pass
threading.Thread(target=drink, daemon=True).start()",
    )?;
    Ok([server, client])
}

/// Asks for what no service has; how that ended.
fn ask_for_evil(scene: &Scene) -> Result<bool> {
    // The address is known already: no lookup is denied before the connection is.
    let known = ["--resolve", "evil.example.net:443:203.0.113.66"];
    let url = "https://evil.example.net/";
    Ok(scene
        .governed()
        .curl(&[&known[..], &[url]].concat())?
        .succeeded())
}

#[test]
fn it_shows_traffic_denials_connections_and_a_refused_reload() -> Result<()> {
    let scene = scene()?;
    let _live = connected(&scene)?;
    let _streaming = streaming(&scene)?;
    scene.bed.offer("large", 20_000_000)?;
    for url in [
        "https://api.example.com/large",
        "http://packages.example.org/",
    ] {
        ensure!(
            scene
                .governed()
                .curl(&["--output", "/dev/null", url])?
                .succeeded()
        );
    }
    for _ in 0..3 {
        ensure!(!ask_for_evil(&scene)?);
    }
    ensure!(
        !scene
            .governed()
            .curl(&["--max-time", "10", "https://203.0.113.66:8443/"])?
            .succeeded()
    );

    let mut browser = browser(&scene)?;
    shows(&mut browser, "#readiness", "ready")?;
    shows(&mut browser, "#mode", "enforce")?;
    shows(&mut browser, "#services", "orders-db")?;
    shows(&mut browser, "#services", "20.1 MB")?;
    shows(&mut browser, "#services", "BlackHoleCluster")?;
    // What streams is a rate, and a line.
    browser.wait("/ [kM]B\\/s/.test(document.querySelector('#down').textContent)")?;
    browser.wait(
        "[...document.querySelectorAll('#services polyline')].some((l) => l.points.length > 1)",
    )?;
    shows(&mut browser, "#denials", "evil.example.net")?;
    shows(&mut browser, "#denials", "this name is not in the registry")?;
    shows(&mut browser, "#live", "198.51.100.20:5432")?;
    shows(&mut browser, "#live", &scene.governed().scope()?)?;
    shows(&mut browser, "#kernel", "All programs are attached.")?;
    shows(&mut browser, "#counters", "redirected")?;
    shows(&mut browser, "#policy", "none since the start")?;
    assert_eq!(
        browser.ask("document.querySelector('#alerts').innerText")?,
        ""
    );

    scene.gateway.replace_config(&registry(&format!(
        "{ADMIN}\n[gateway]\nmode = \"enforced\"\n"
    )))?;
    shows(&mut browser, "#alerts", "The last reload was refused")?;
    shows(
        &mut browser,
        "#alerts",
        "egress status, on the node, says why",
    )?;
    shows(&mut browser, "#policy", "refused at")?;
    assert_clean(&mut browser, PAGE)?;
    picture(&mut browser)
}

#[test]
fn what_it_offers_for_a_denial_allows_it() -> Result<()> {
    let scene = scene()?;
    ensure!(!ask_for_evil(&scene)?);
    let mut browser = browser(&scene)?;
    shows(&mut browser, "#denials", "[[service]]")?;
    copy(&mut browser)?;
    let toml = browser.ask("navigator.clipboard.readText()")?;
    let toml = toml.as_str().context("no text")?;

    let allowed = format!("{}\n{toml}\n", registry(ADMIN));
    scene.gateway.replace_config(&allowed)?;
    scene.reloaded(2)?;
    ensure!(ask_for_evil(&scene)?, "{toml}");
    shows(&mut browser, "#services", "evil.example.net")?;
    assert_clean(&mut browser, PAGE)
}

#[test]
fn a_program_with_a_hostile_name_is_shown_by_its_name() -> Result<()> {
    let scene = scene()?;
    let program = scene.bed.dir().join(HOSTILE);
    fs::copy(fs::canonicalize("/usr/bin/python3")?, &program)?;
    let script = "import socket, sys; s = socket.create_connection(('198.51.100.20', 5432)); \
                  print(s.recv(5)); sys.stdin.read()";
    let mut client = scene.governed().command(&program.to_string_lossy());
    client.args(["-u", "-c", script]).stdin(Stdio::piped());
    let log = scene.bed.dir().join("hostile.log");
    let mut client = Process::spawn(&mut client, &log)?;
    client.ready(SOON, || {
        fs::read_to_string(&log).is_ok_and(|said| said.contains("ready"))
    })?;

    let mut browser = browser(&scene)?;
    shows(&mut browser, "#live", HOSTILE)?;
    assert_clean(&mut browser, PAGE)
}

#[test]
fn an_answer_that_is_hostile_throughout_stays_text() -> Result<()> {
    let scene = scene()?;
    let mut server = scene.bed.outside().session()?;
    server.run(&format!("HOSTILE = {}", Value::from(HOSTILE)))?;
    // The page and its rules are the gateway's own, all else is not.
    server.run(HOSTILE_API)?;
    let mut browser = Browser::start(&scene.bed.outside(), scene.bed.dir())?;
    browser.open(HOSTILE_PAGE)?;
    browser.wait("Number(document.body?.dataset.looks) >= 2")?;
    for id in [
        "services",
        "denials",
        "live",
        "kernel",
        "counters",
        "policy",
        "alerts",
        "readiness",
    ] {
        shows(&mut browser, &format!("#{id}"), HOSTILE)?;
    }
    // What turns the direction of writing is seen as what it is.
    shows(&mut browser, "#services", "\\u{202e}")?;
    // What is copied is what was told, to the letter.
    copy(&mut browser)?;
    let copied = browser.ask("navigator.clipboard.readText()")?;
    assert_eq!(server.ask("ALLOW")?, copied.as_str().unwrap_or_default());
    assert_clean(&mut browser, HOSTILE_PAGE)?;

    // The rules hold if the script should ever err: markup is refused, and a script is not run.
    let markup =
        "try { document.body.innerHTML = '<b>x</b>'; 'made' } catch (error) { error.name }";
    assert_eq!(browser.ask(markup)?, "TypeError");
    browser.ask("document.body.append(Object.assign(document.createElement('script'), {}))")?;
    let elsewhere =
        "fetch('http://127.0.0.1:15020/metrics').then(() => 'asked', (error) => error.name)";
    assert_eq!(browser.ask(elsewhere)?, "TypeError");
    Ok(())
}

#[test]
fn it_fits_its_window_and_can_be_used_by_keys() -> Result<()> {
    let scene = scene()?;
    let _live = connected(&scene)?;
    ensure!(!ask_for_evil(&scene)?);
    let mut browser = browser(&scene)?;
    shows(&mut browser, "#live", "198.51.100.20:5432")?;
    for width in [800, 1600] {
        size(&mut browser, width)?;
        let fits = "document.scrollingElement.scrollWidth <= innerWidth";
        assert_eq!(browser.ask(fits)?, true, "{width}");
    }
    // Every control has a name, and every table's column says whether it is sorted by.
    let nameless = "[...document.querySelectorAll('button')].filter((b) => !b.hidden && !b.innerText && !b.ariaLabel).length";
    assert_eq!(browser.ask(nameless)?, 0);
    let sorted = "[...document.querySelectorAll('#services [aria-sort]')].map((th) => th.innerText + th.ariaSort)";
    assert_eq!(browser.ask(sorted)?, json!(["Down ▼descending"]));
    browser.ask("document.querySelector('#services th button').focus()")?;
    for kind in ["keyDown", "keyUp"] {
        let key = json!({ "type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
        browser.call("Input.dispatchKeyEvent", &key)?;
    }
    assert_eq!(browser.ask(sorted)?, json!(["Service ▲ascending"]));
    // An update takes the focus from nothing.
    let looks = browser.ask("document.body.dataset.looks")?;
    browser.wait(&format!("document.body.dataset.looks !== {looks}"))?;
    let focus = "document.activeElement === document.querySelector('#services th button')";
    assert_eq!(browser.ask(focus)?, true);
    assert_clean(&mut browser, PAGE)
}

#[test]
fn nobody_is_asked_while_it_is_not_looked_at() -> Result<()> {
    let scene = scene()?;
    let mut browser = browser(&scene)?;
    // `visibilitychange` has it look at once, unless it is hidden.
    let hidden = "{
        const original = globalThis.fetch;
        globalThis.asked = 0;
        globalThis.fetch = (...all) => { asked += 1; return original(...all); };
        globalThis.away = true;
        Object.defineProperty(document, 'hidden', { get: () => globalThis.away });
    }";
    browser.ask(hidden)?;
    let turn = "asked = 0; document.dispatchEvent(new Event('visibilitychange')); asked";
    assert_eq!(browser.ask(turn)?, 0);
    browser.ask("globalThis.away = false")?;
    browser.wait(&format!(
        "({{ now: (() => {{ {turn}; return asked }})() }}).now === 4"
    ))?;
    // And while it is held.
    browser.ask("document.querySelector('#hold').click()")?;
    assert_eq!(browser.ask(turn)?, 0);
    assert_eq!(
        browser.ask("document.querySelector('#hold').ariaPressed")?,
        "true"
    );
    Ok(())
}

#[test]
fn a_gateway_that_ends_is_told() -> Result<()> {
    let mut scene = scene()?;
    let mut browser = browser(&scene)?;
    ensure!(scene.gateway.terminate()?.success());
    shows(
        &mut browser,
        "#alerts",
        "The gateway has not answered since",
    )?;
    shows(&mut browser, "#readiness", "no answer")?;
    assert_eq!(browser.ask("document.body.className")?, "stale");
    Ok(())
}

/// Clicks on the first denial's button, with leave to write and read the clipboard.
fn copy(browser: &mut Browser) -> Result<()> {
    let permissions = json!(["clipboardReadWrite", "clipboardSanitizedWrite"]);
    browser.call(
        "Browser.grantPermissions",
        &json!({ "permissions": permissions }),
    )?;
    browser.call("Page.bringToFront", &json!({}))?;
    browser.ask("document.querySelector('#denials tbody button').click()")?;
    browser.wait("document.querySelector('#said').textContent === 'The TOML is copied'")
}

fn size(browser: &mut Browser, width: u32) -> Result<()> {
    let metrics =
        json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", &metrics)?;
    Ok(())
}

/// Takes the picture in the documentation, if that is asked for.
fn picture(browser: &mut Browser) -> Result<()> {
    if std::env::var_os(UPDATE).is_none() {
        return Ok(());
    }
    size(browser, 1200)?;
    browser.wait("Number(document.body.dataset.looks) >= 20")?;
    let shot = json!({ "format": "png", "captureBeyondViewport": true });
    let shot = browser.call("Page.captureScreenshot", &shot)?;
    let data = shot
        .get("data")
        .and_then(Value::as_str)
        .context("no picture")?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(PICTURE);
    let mut decode = command::system("base64");
    decode
        .arg("--decode")
        .stdin(Stdio::piped())
        .stdout(fs::File::create(file)?);
    let mut decode = decode.spawn()?;
    let mut input = decode.stdin.take().context("no pipe")?;
    input.write_all(data.as_bytes())?;
    drop(input);
    ensure!(decode.wait()?.success());
    Ok(())
}
