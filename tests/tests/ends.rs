//! How connections end, and that every byte passes before they do.

use anyhow::Result;
use egress_tests::{Python, Scene};

/// More than all buffers on the way hold, so that the relay has to wait for readers.
const MUCH: &str = "20_000_000";

/// Both ends of one connection through the gateway: `s` at the client, `c` at the server.
struct Ends {
    client: Python,
    server: Python,
}

impl Ends {
    fn new(scene: &Scene) -> Result<Self> {
        let mut ends = Self {
            client: scene.python()?,
            server: scene.bed.inet_session()?,
        };
        ends.server.run("l = listen('198.51.100.20', 6000)")?;
        ends.client.run("s = connect('198.51.100.20', 6000)")?;
        // Only what has passed proves that both are joined.
        ends.server.run("c = accept(l); c.sendall(b'>')")?;
        assert_eq!(ends.client.ask("s.recv(1)")?, ">");
        Ok(ends)
    }
}

#[test]
fn a_server_may_go_on_after_the_client_has_finished() -> Result<()> {
    let scene = Scene::new("")?;
    let Ends {
        mut client,
        mut server,
    } = Ends::new(&scene)?;
    client.run("s.sendall(b'ask'); s.shutdown(socket.SHUT_WR)")?;
    assert_eq!(server.ask("everything(c)")?, "ask");
    server.run(&format!("data = os.urandom({MUCH})"))?;
    server.begin("c.sendall(data) or c.close() or sha256(data)")?;
    assert_eq!(client.ask("sha256(everything(s))")?, server.answer()?);
    let line = scene.line()?;
    assert_eq!(
        line.pick("close_reason bytes_received bytes_sent"),
        "client_closed 3 20000001"
    );
    Ok(())
}

#[test]
fn a_client_may_go_on_after_the_server_has_finished() -> Result<()> {
    let scene = Scene::new("")?;
    let Ends {
        mut client,
        mut server,
    } = Ends::new(&scene)?;
    server.run("c.sendall(b'bye'); c.shutdown(socket.SHUT_WR)")?;
    assert_eq!(client.ask("everything(s)")?, "bye");
    client.run(&format!("data = os.urandom({MUCH})"))?;
    client.begin("s.sendall(data) or s.close() or sha256(data)")?;
    assert_eq!(server.ask("sha256(everything(c))")?, client.answer()?);
    let line = scene.line()?;
    assert_eq!(
        line.pick("close_reason bytes_received bytes_sent"),
        "upstream_closed 20000000 4"
    );
    Ok(())
}

#[test]
fn a_servers_reset_is_a_reset_for_the_client() -> Result<()> {
    let scene = Scene::new("")?;
    let Ends {
        mut client,
        mut server,
    } = Ends::new(&scene)?;
    client.begin("s.recv(1)")?;
    server.run("reset(c)")?;
    assert_eq!(client.answer()?, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("close_reason response_flags"),
        "upstream_reset UC"
    );
    Ok(())
}

#[test]
fn a_clients_reset_is_a_reset_for_the_server() -> Result<()> {
    let scene = Scene::new("")?;
    let Ends {
        mut client,
        mut server,
    } = Ends::new(&scene)?;
    server.begin("c.recv(1)")?;
    client.run("reset(s)")?;
    assert_eq!(server.answer()?, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("close_reason response_flags"),
        "client_reset DC"
    );
    Ok(())
}

#[test]
fn what_a_server_sent_before_its_reset_arrives() -> Result<()> {
    let scene = Scene::new("")?;
    let Ends {
        mut client,
        mut server,
    } = Ends::new(&scene)?;
    server.run("c.sendall(b'last words')")?;
    assert_eq!(client.ask("exactly(s, 10)")?, "last words");
    server.run("reset(c)")?;
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(scene.line()?.get("bytes_sent"), "11");
    Ok(())
}

#[test]
fn a_connection_on_which_nothing_moves_is_ended_and_no_other() -> Result<()> {
    let scene = Scene::new("[relay]\nidle_timeout = \"200ms\"")?;
    let Ends {
        mut client,
        server: _server,
    } = Ends::new(&scene)?;
    let mut busy = scene.python()?;
    busy.run("b = connect('198.51.100.20', 5432); b.sendall(b'echo\\n'); exactly(b, 20)")?;
    // One message at a time, to and fro, for longer than the timeout.
    busy.run("end = time.monotonic() + 0.6")?;
    busy.begin("all(b.send(b'x') == 1 and b.recv(1) == b'x' for _ in iter(lambda: time.monotonic() < end, False))")?;
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("close_reason response_flags"),
        "idle_timeout UT"
    );
    assert_eq!(busy.answer()?, "true");
    Ok(())
}

/// 32 connections at once, each with other random bytes to and fro, of which the server sends back
/// what it gets: how many came back as they were sent.
const PARALLEL: &str = "
from concurrent.futures import ThreadPoolExecutor

def to_and_fro(number):
    data = os.urandom(500_000 + number)
    with connect('198.51.100.20', 5432) as s, ThreadPoolExecutor(1) as sender:
        sent = sender.submit(lambda: s.sendall(b'echo\\n' + data) or s.shutdown(socket.SHUT_WR))
        back = everything(s)
        sent.result()
    return sha256(back) == sha256(b'ready 198.51.100.20\\n' + data)

with ThreadPoolExecutor(32) as pool:
    good = sum(pool.map(to_and_fro, range(32)))
";

/// Runs the parallel transfers with one engine, and adds up what the log says.
fn parallel(mode: &str) -> Result<()> {
    let scene = Scene::new(&format!("[relay]\nmode = \"{mode}\""))?;
    let mut client = scene.python()?;
    client.run(PARALLEL)?;
    assert_eq!(client.ask("good")?, "32");
    let mut moved = (0, 0);
    for _ in 0..32 {
        let line = scene.line()?;
        moved.0 += line.get("bytes_received").parse::<usize>()?;
        moved.1 += line.get("bytes_sent").parse::<usize>()?;
    }
    let data: usize = (0..32).map(|number| 500_000 + number).sum();
    let (order, greeting) = ("echo\n".len(), "ready 198.51.100.20\n".len());
    assert_eq!(moved, (data + 32 * order, data + 32 * greeting));
    Ok(())
}

#[test]
fn many_transfers_at_once_mix_no_bytes_when_spliced() -> Result<()> {
    parallel("splice")
}

#[test]
fn many_transfers_at_once_mix_no_bytes_when_copied() -> Result<()> {
    parallel("copy")
}

#[test]
fn many_transfers_at_once_mix_no_bytes_when_the_gateway_chooses() -> Result<()> {
    parallel("auto")
}
