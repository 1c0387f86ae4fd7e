//! `from` and `deny`: who may use a service, by what the kernel says of the caller.

use anyhow::Result;
use egress_tests::{Client, Gateway, Scene, Testbed};

const KEYS: &str = "verdict reason service";
const ALLOWED: &str = "allow  api";
const REFUSED: &str = "deny caller_not_allowed api";

fn api(more: &str) -> String {
    format!(
        "
[[service]]
name = \"api\"
hosts = [\"api.example.com\"]
ports = [{{ number = 443, protocol = \"TLS\" }}]
resolution = \"DNS\"
{more}
"
    )
}

/// A service of the same names, or of more, that denies.
fn denying(hosts: &str, more: &str) -> String {
    let admits = api("");
    format!(
        "{admits}
[[service]]
name = \"never\"
hosts = [{hosts}]
ports = [{{ number = 443, protocol = \"TLS\" }}]
deny = true
{more}
"
    )
}

/// What a client is told, by curl: the server's answer, or an alert's name.
fn call(client: &Client) -> Result<String> {
    // By its address, so that only the connection is judged, and not the question for the name.
    let to = "api.example.com:443:203.0.113.10";
    let outcome = client.curl(&["--resolve", to, "https://api.example.com/"])?;
    Ok(outcome.text())
}

#[test]
fn a_service_is_for_the_cgroup_that_it_names() -> Result<()> {
    let scene = Scene::on(Testbed::new()?, |bed| {
        let cgroup = bed.governed_in("billing")?.scope()?;
        let (above, name) = cgroup.rsplit_once('/').unwrap_or_default();
        let (first, _) = name.split_at(4);
        let from = format!("from = [{{ cgroup = \"{above}/{first}*\" }}]");
        Gateway::start(bed, &api(&from))
    })?;
    let table = [
        ("billing", true),
        ("billing/worker", true),
        ("shop", false),
        ("shop/billing", false),
    ];
    for (cgroup, allowed) in table {
        let said = call(&scene.bed.governed_in(cgroup)?)?;
        assert_eq!(said.contains("served by api"), allowed, "{cgroup}: {said}");
        assert_eq!(said.contains("access denied"), !allowed, "{cgroup}: {said}");
        let expected = if allowed { ALLOWED } else { REFUSED };
        assert_eq!(scene.line()?.pick(KEYS), expected, "{cgroup}");
    }
    Ok(())
}

#[test]
fn a_service_is_for_the_user_that_it_names() -> Result<()> {
    for (from, expected) in [
        ("{ uid = 0 }", ALLOWED),
        ("{ user = \"root\" }", ALLOWED),
        ("{ uid = 1 }", REFUSED),
        ("{ uid = 1 }, { uid = 0 }", ALLOWED),
        ("{ uid = 0, exe = \"/nowhere/*\" }", REFUSED),
        ("{ namespace = \"shop\" }", REFUSED),
    ] {
        let scene = Scene::with(&api(&format!("from = [{from}]")))?;
        call(&scene.governed())?;
        assert_eq!(scene.line()?.pick(KEYS), expected, "{from}");
    }
    Ok(())
}

#[test]
fn deny_beats_allow_also_where_allow_is_closer() -> Result<()> {
    let scene = Scene::with(&denying("\"*.example.com\"", ""))?;
    let said = call(&scene.governed())?;
    assert!(said.contains("access denied"), "{said}");
    assert_eq!(scene.line()?.pick(KEYS), "deny service_denied never");
    Ok(())
}

#[test]
fn one_program_is_denied_and_another_is_not() -> Result<()> {
    let scene = Scene::with(&denying(
        "\"api.example.com\"",
        "from = [{ exe = \"/usr/bin/curl\" }]",
    ))?;
    call(&scene.governed())?;
    assert_eq!(scene.line()?.pick(KEYS), "deny service_denied never");
    let said = scene
        .python()?
        .ask("get('api.example.com', '203.0.113.10')")?;
    assert!(said.starts_with("served by api"), "{said}");
    assert_eq!(scene.line()?.pick(KEYS), ALLOWED);
    Ok(())
}

#[test]
fn a_process_that_runs_another_program_is_told_by_that_one() -> Result<()> {
    let scene = Scene::with(&api(""))?;
    let script = "
        exec 3<>/dev/tcp/203.0.113.10/443
        echo no hello >&3
        cat <&3 >/dev/null
        exec curl --silent --resolve api.example.com:443:203.0.113.10 https://api.example.com/";
    let outcome = scene.governed().run("bash", &["-c", script])?;
    assert!(outcome.text().contains("served by api"), "{outcome:?}");
    let (first, second) = (scene.line()?, scene.line()?);
    assert_eq!(first.pick("src.exe verdict"), "/usr/bin/bash deny");
    assert_eq!(second.pick("src.exe verdict"), "/usr/bin/curl allow");
    assert_eq!(first.pick("src.pid"), second.pick("src.pid"));
    Ok(())
}

#[test]
fn what_a_process_runs_is_looked_for_once_a_second() -> Result<()> {
    const CALLS: usize = 5;
    let scene = Scene::with(&api(""))?;
    let shell = scene.bed.dir().join("shell-0");
    std::fs::copy("/bin/bash", &shell)?;
    let dir = scene.bed.dir().display();
    // Between its calls it is renamed.
    let script = format!(
        "for call in {{1..{CALLS}}}; do
            exec 3<>/dev/tcp/203.0.113.10/443
            echo no hello >&3
            cat <&3 >/dev/null
            mv {dir}/shell-$((call - 1)) {dir}/shell-$call
        done"
    );
    let shell = shell.display().to_string();
    let outcome = scene.governed().run(&shell, &["-c", &script])?;
    assert!(outcome.succeeded(), "{outcome:?}");
    let mut seen = Vec::new();
    for _ in 0..CALLS {
        seen.push(scene.line()?.pick("src.exe"));
    }
    assert_eq!(seen.first(), Some(&shell));
    // On a machine that is slow a second may go by, but not after each of them.
    let remembered = seen.windows(2).any(|two| two.first() == two.last());
    assert!(remembered, "{seen:?}");
    Ok(())
}

/// Calls as a process with an id of its choice, which runs what this one does.
const WITH_PID: &str = "
import ctypes, os, signal

def get_with(pid):
    set_tid = (ctypes.c_int * 1)(pid)
    clone_args = (ctypes.c_uint64 * 11)()
    clone_args[4] = signal.SIGCHLD
    clone_args[8], clone_args[9] = ctypes.addressof(set_tid), 1
    SYS_CLONE3 = 435
    child = ctypes.CDLL(None, use_errno=True).syscall(SYS_CLONE3, clone_args, 88)
    if child == 0:
        get('api.example.com', '203.0.113.10')
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
";

#[test]
fn a_process_that_gets_the_id_of_one_that_has_ended_is_not_told_by_that_one() -> Result<()> {
    let scene = Scene::with(&api(""))?;
    let mut python = scene.python()?;
    python.run(WITH_PID)?;
    call(&scene.governed())?;
    let before = scene.line()?;
    assert_eq!(before.pick("src.exe"), "/usr/bin/curl");
    let pid = before.pick("src.pid");
    assert_eq!(python.ask(&format!("get_with({pid})"))?, "0");
    let after = scene.line()?;
    assert_eq!(after.pick("src.pid verdict"), format!("{pid} allow"));
    assert!(
        after.pick("src.exe").contains("python3"),
        "{}",
        after.pick("src.exe")
    );
    Ok(())
}
