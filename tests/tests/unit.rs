//! The gateway as a service of systemd: its unit, and what it tells the service manager.

use std::cell::Cell;
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::{Gateway, REGISTRY, Scene, Testbed, binary, command, confined, registry, unit};
use nix::cmsg_space;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt,
};
use nix::unistd::Pid;

/// What `systemd-analyze security` may make of the unit at most, in tenths: it counts what the gateway
/// cannot be without at 3.2.
const EXPOSURE: &str = "33";
/// Longest wait for a message: that of a loaded machine at its start.
const MESSAGE: Duration = Duration::from_secs(30);

/// Where a service manager is told, and the messages. As with systemd's `NotifyAccess=main`, the service's main
/// process is heard and no other; it can say which one that is from then on.
struct Manager {
    socket: UnixDatagram,
    main: Cell<i32>,
}

impl Manager {
    /// With a gateway that is run by this line of shell, whose watchdog acts after this many microseconds.
    fn start(watchdog: u64, run: impl FnOnce(&Testbed) -> Result<String>) -> Result<(Self, Scene)> {
        let bed = Testbed::new()?;
        let path = bed.dir().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(MESSAGE))?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        let told = format!("NOTIFY_SOCKET={} WATCHDOG_PID=$$", path.display());
        let command = format!("env {told} WATCHDOG_USEC={watchdog} {}", run(&bed)?);
        let start = |bed: &Testbed| Gateway::start_within(bed, &command, &registry(""));
        let scene = Scene::on(bed, start)?;
        let main = Cell::new(scene.gateway.pid().try_into()?);
        Ok((Self { socket, main }, scene))
    }

    /// The same, with all rights.
    fn unconfined(watchdog: u64) -> Result<(Self, Scene)> {
        Self::start(watchdog, |_| Ok(binary()?.to_string_lossy().into_owned()))
    }

    /// The next message, its lines.
    fn next(&self) -> Result<Vec<String>> {
        loop {
            let (sender, message) = self.receive()?;
            if sender != self.main.get() {
                continue;
            }
            let main = message
                .iter()
                .find_map(|line| line.strip_prefix("MAINPID="));
            if let Some(main) = main {
                self.main.set(main.parse().context("not a process id")?);
            }
            return Ok(message);
        }
    }

    /// The next message of any process, and whose it is.
    fn receive(&self) -> Result<(i32, Vec<String>)> {
        let mut text = [0; 4096];
        let mut into = [IoSliceMut::new(&mut text)];
        let mut space = cmsg_space!(UnixCredentials);
        let socket = self.socket.as_raw_fd();
        let received = recvmsg::<()>(socket, &mut into, Some(&mut space), MsgFlags::empty())
            .context("no message")?;
        let sender = received.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()),
            _ => None,
        });
        let length = received.bytes;
        let text = String::from_utf8_lossy(text.get(..length).unwrap_or_default());
        let lines = text.lines().map(str::to_owned).collect();
        Ok((sender.context("a message of nobody")?, lines))
    }

    /// The next message that is not of the watchdog.
    fn news(&self) -> Result<Vec<String>> {
        loop {
            let message = self.next()?;
            if message != ["WATCHDOG=1"] {
                return Ok(message);
            }
        }
    }
}

#[test]
fn systemd_finds_no_fault_in_the_unit() -> Result<()> {
    let text = fs::read_to_string(unit())?;
    let scratch = std::env::temp_dir().join(format!("egress-unit-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let copy = scratch.join("egress.service");
    let here = text.replace("/usr/bin/egress", &binary()?.to_string_lossy());
    fs::write(&copy, here)?;
    let mut verify = command::system("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&copy);
    let verified = command::output(&mut verify);
    fs::remove_dir_all(&scratch)?;
    let verified = verified?;
    assert!(verified.status.success(), "{verified:?}");
    assert_eq!(
        String::from_utf8_lossy(&verified.stderr),
        "",
        "{verified:?}"
    );
    Ok(())
}

#[test]
fn the_unit_leaves_little_open() -> Result<()> {
    let mut security = command::system("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager"]);
    security.arg(format!("--threshold={EXPOSURE}")).arg(unit());
    command::stdout(&mut security).map(drop)
}

#[test]
fn what_the_unit_leaves_is_enough() -> Result<()> {
    let (manager, mut scene) = Manager::start(30_000_000, confined)?;
    assert!(manager.news()?.contains(&"READY=1".into()));
    let mut client = scene.python()?;
    let api = "get('api.example.com', '203.0.113.10')";
    let answer = client.ask(api)?;
    assert!(answer.starts_with("served by api"), "{answer}");
    let line = scene.line()?;
    assert_eq!(line.pick("verdict service"), "allow api");
    // By their ids, and by rights over other processes.
    let caller = line.pick("src.cgroup src.exe");
    assert!(
        caller.contains("/governed") && caller.contains("python"),
        "{caller}"
    );
    assert_eq!(
        client.ask("get('evil.example.net', '203.0.113.66')")?,
        "SSLError"
    );
    assert_eq!(scene.line()?.pick("verdict"), "deny");

    // In another network namespace, behind a veth that is guarded.
    let pod = scene.bed.pod(1)?;
    let mut inside = pod.client().session()?;
    let answer = inside.ask(api)?;
    assert!(answer.starts_with("served by api"), "{answer}");
    drop((inside, pod));

    scene.gateway.replace_config(&format!("{REGISTRY}\n"))?;
    scene.gateway.signal(Signal::SIGHUP)?;
    scene.reloaded(2)?;
    let said = scene.gateway.output();
    assert!(!said.contains("ERROR") && !said.contains("WARN"), "{said}");
    assert!(scene.gateway.terminate()?.success());
    Ok(())
}

#[test]
fn the_service_manager_is_told_how_the_gateway_is() -> Result<()> {
    let (manager, mut scene) = Manager::unconfined(30_000_000)?;
    let ready = manager.news()?;
    assert_eq!(
        ready.first().map(String::as_str),
        Some("READY=1"),
        "{ready:?}"
    );
    let status = ready.get(1).context("no status")?;
    assert!(
        status.starts_with("STATUS=ready: ") && status.ends_with(", policy 1"),
        "{status}"
    );

    scene.gateway.signal(Signal::SIGHUP)?;
    let reloading = manager.news()?;
    assert_eq!(
        reloading.first().map(String::as_str),
        Some("RELOADING=1"),
        "{reloading:?}"
    );
    let clock = reloading
        .get(1)
        .and_then(|line| line.strip_prefix("MONOTONIC_USEC="));
    let clock: u64 = clock.with_context(|| format!("{reloading:?}"))?.parse()?;
    assert!(clock > 0);
    let ready = manager.news()?;
    assert!(ready.contains(&"READY=1".into()), "{ready:?}");
    assert!(
        ready.iter().any(|line| line.ends_with(", policy 2")),
        "{ready:?}"
    );

    scene.gateway.replace_config("[gatway]\n")?;
    assert!(manager.news()?.contains(&"RELOADING=1".into()));
    let refused = manager.news()?;
    assert!(refused.contains(&"READY=1".into()), "{refused:?}");
    assert!(
        refused
            .iter()
            .any(|line| line.contains("policy 2 stays in force")),
        "{refused:?}"
    );

    scene.gateway.signal(Signal::SIGTERM)?;
    assert!(manager.news()?.contains(&"STOPPING=1".into()));
    assert!(scene.gateway.wait()?.success());
    Ok(())
}

#[test]
fn the_watchdog_hears_of_the_main_loop_also_while_connections_end() -> Result<()> {
    let (manager, mut scene) = Manager::unconfined(500_000)?;
    manager.news()?;
    for _ in 0..3 {
        assert_eq!(manager.next()?, ["WATCHDOG=1"]);
    }
    let mut client = scene.python()?;
    client.run("held = context().wrap_socket(connect('203.0.113.10', 443), server_hostname='api.example.com')")?;
    scene.gateway.signal(Signal::SIGTERM)?;
    assert!(manager.news()?.contains(&"STOPPING=1".into()));
    assert_eq!(manager.next()?, ["WATCHDOG=1"]);
    // A second signal cuts what is left.
    scene.gateway.signal(Signal::SIGTERM)?;
    scene.gateway.wait()?;
    Ok(())
}

/// Waits for the message that names another process, and gives its id.
fn successor(manager: &Manager) -> Result<i32> {
    loop {
        let message = manager.next()?;
        let pid = message
            .iter()
            .find_map(|line| line.strip_prefix("MAINPID="));
        if let Some(pid) = pid {
            assert!(message.contains(&"READY=1".into()), "{message:?}");
            return pid.parse().context("not a process id");
        }
        assert!(!message.contains(&"STOPPING=1".into()), "{message:?}");
    }
}

#[test]
fn sigusr1_has_the_service_go_on_in_a_new_process_and_no_connection_ends() -> Result<()> {
    let (manager, mut scene) = Manager::start(30_000_000, confined)?;
    let old = scene.gateway.pid();
    let mut client = scene.python()?;
    client.run("held = connect('198.51.100.20', 5432); held.sendall(b'echo\\n')")?;
    client.ask("held.recv(100)")?;

    scene.gateway.signal(Signal::SIGUSR1)?;
    let new = successor(&manager)?;
    assert_ne!(u32::try_from(new)?, old);
    let answer = client.ask("get('api.example.com', '203.0.113.10')")?;
    assert!(answer.starts_with("served by api"), "{answer}");
    client.run("held.sendall(b'still here')")?;
    assert_eq!(client.ask("exactly(held, 10)")?, "still here");
    client.run("held.close()")?;
    assert!(scene.gateway.wait()?.success());

    let status = scene.bed.outside().run(
        &binary()?.to_string_lossy(),
        &[
            "status",
            "--json",
            "--bpffs",
            &scene.bed.pins().to_string_lossy(),
        ],
    )?;
    assert!(
        status.stdout.contains(&format!("\"pid\":{new}")),
        "{status:?}"
    );
    kill(Pid::from_raw(new), Signal::SIGTERM)?;
    while !manager.news()?.contains(&"STOPPING=1".into()) {}
    Ok(())
}

#[test]
fn a_successor_that_cannot_start_changes_nothing() -> Result<()> {
    let (manager, mut scene) = Manager::unconfined(30_000_000)?;
    manager.news()?;
    scene.gateway.replace_config("[gatway]\n")?;
    manager.news()?;
    manager.news()?;
    scene.gateway.signal(Signal::SIGUSR1)?;
    let told = manager.news()?;
    assert!(
        told.iter().any(|line| line.contains("could not take over")),
        "{told:?}"
    );
    let answer = scene
        .python()?
        .ask("get('api.example.com', '203.0.113.10')")?;
    assert!(answer.starts_with("served by api"), "{answer}");
    assert!(scene.gateway.terminate()?.success());
    Ok(())
}

#[test]
fn a_gateway_of_somebody_else_that_takes_over_is_not_told_to_be_the_service() -> Result<()> {
    // What this one is called, and so starts as its successor, does nothing.
    let (manager, mut scene) = Manager::start(30_000_000, |bed| {
        let idle = bed.dir().join("idle");
        fs::write(&idle, "#!/bin/sh\nexec sleep 60\n")?;
        fs::set_permissions(&idle, PermissionsExt::from_mode(0o755))?;
        let (idle, binary) = (idle.display(), binary()?);
        let binary = binary.display();
        Ok(format!("bash -c 'exec -a \"$0\" {binary} \"$@\"' {idle}"))
    })?;
    scene.gateway.signal(Signal::SIGUSR1)?;
    scene.gateway.says(&["started a successor"])?;
    scene.gateway.succeed(&scene.bed)?;
    loop {
        let message = manager.next()?;
        let names = |line: &String| line.starts_with("MAINPID=");
        assert!(!message.iter().any(names), "{message:?}");
        if message.contains(&"STOPPING=1".into()) {
            return Ok(());
        }
    }
}
