//! Callers that show a certificate.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use egress_tests::Scene;

use super::{caller, scene};

/// curl on another node, by way of the listener that wants a certificate.
fn curl(scene: &Scene, certificate: Option<&str>, args: &[&str]) -> Result<(Option<i32>, String)> {
    let dir = scene.bed.certificates();
    let ca = dir.join("ca.pem");
    // Its address is nobody's: the certificate is all that says who it is.
    let mut curl = scene.bed.on_inet("curl");
    curl.args(["--disable", "--silent", "--show-error", "--max-time", "20"]);
    curl.args(["--interface", "203.0.113.200", "--noproxy", ""]);
    curl.args(["--proxy", "https://192.0.2.2:15082"]);
    curl.arg("--proxy-cacert").arg(&ca).arg("--cacert").arg(&ca);
    if let Some(name) = certificate {
        curl.arg("--proxy-cert")
            .arg(dir.join(format!("{name}.pem")));
        curl.arg("--proxy-key").arg(dir.join(format!("{name}.key")));
    }
    let output = curl.args(args).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(said)?))
}

#[test]
fn a_certificate_says_who_a_caller_is() -> Result<()> {
    let scene = scene("")?;
    let (status, said) = curl(&scene, Some("pod"), &["https://api.example.com/"])?;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("served by api"), "{said}");
    assert_eq!(
        scene.line()?.pick("listener verdict service"),
        "certified allow api"
    );
    // For this service account alone.
    let mut caller = caller(&scene)?;
    let dir = scene.bed.certificates().display();
    caller.run(&format!(
        "
made = ssl.create_default_context(cafile=CA)
made.load_cert_chain('{dir}/pod.pem', '{dir}/pod.key')
s = made.wrap_socket(come(15082, '203.0.113.200'), server_hostname='192.0.2.2')
s.sendall(b'CONNECT 198.51.100.21:5432 HTTP/1.1\\r\\n\\r\\n')
head = head_of(s)
s.sendall(b'echo\\n')
"
    ))?;
    let said = caller.ask("head + s.recv(20).decode()")?;
    assert!(
        said.ends_with("established\r\n\r\nready 198.51.100.21\n"),
        "{said}"
    );
    caller.run("s.unwrap(); s.close()")?;
    assert_eq!(scene.line()?.pick("verdict service"), "allow web");
    let (status, said) = curl(&scene, Some("pod"), &["https://evil.example.net/"])?;
    assert_eq!(status, Some(56), "{said}");
    assert_eq!(
        scene.line()?.pick("verdict reason"),
        "deny host_not_in_registry"
    );
    Ok(())
}

#[test]
fn what_passes_in_tls_is_whole() -> Result<()> {
    let scene = scene("")?;
    let sum = scene.bed.offer("large", 48 << 20)?;
    let file = scene.bed.dir().join("received");
    let to = file.display().to_string();
    let args = ["https://api.example.com/large", "--output", &to];
    let (status, said) = curl(&scene, Some("pod"), &args)?;
    assert_eq!(status, Some(0), "{said}");
    let mut sha = std::process::Command::new("sha256sum");
    let said = sha.arg(&file).output().context("cannot run sha256sum")?;
    assert!(String::from_utf8(said.stdout)?.starts_with(&sum));
    Ok(())
}

/// How `openssl ca` signs.
const SIGNING: &str = "
[ca]
default_ca = testbed
[testbed]
database = signed.db
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = names
copy_extensions = copy
unique_subject = no
[names]
commonName = supplied
";

/// A certificate of the right authority, for the right service account, until `end`.
fn sign(dir: &Path, name: &str, usage: &str, end: &str) -> Result<()> {
    fs::write(dir.join("signing.cnf"), SIGNING)?;
    fs::write(dir.join("signed.db"), "")?;
    let account = "subjectAltName=URI:spiffe://cluster.local/ns/shop/sa/web";
    let asks = format!(
        "req -new -config openssl.cnf -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN={name} \
         -keyout {name}.key -out {name}.csr -addext {account} -addext extendedKeyUsage={usage}"
    );
    let signs = format!(
        "ca -batch -notext -config signing.cnf -cert ca.pem -keyfile ca.key -in {name}.csr -out {name}.pem \
         -startdate 20200101000000Z -enddate {end}"
    );
    for args in [asks, signs] {
        let mut openssl = std::process::Command::new("openssl");
        let made = openssl
            .current_dir(dir)
            .args(args.split_whitespace())
            .output()
            .context("cannot run openssl")?;
        let said = String::from_utf8_lossy(&made.stderr);
        ensure!(made.status.success(), "{name}: {said}");
    }
    Ok(())
}

#[test]
fn no_other_certificate_will_do() -> Result<()> {
    let scene = scene("")?;
    let dir = scene.bed.certificates();
    let mut openssl = std::process::Command::new("openssl");
    openssl
        .current_dir(dir)
        .args(
            "req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(' '),
        )
        .args([
            "-subj", "/CN=self", "-keyout", "self.key", "-out", "self.pem",
        ])
        .args([
            "-addext",
            "subjectAltName=URI:spiffe://cluster.local/ns/shop/sa/web",
        ]);
    let made = openssl.output().context("cannot run openssl")?;
    ensure!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    ensure!(fs::exists(dir.join("self.pem"))?);
    let late = "20400101000000Z";
    sign(dir, "expired", "clientAuth", "20200102000000Z")?;
    sign(dir, "server", "serverAuth", late)?;
    // What is wrong with these is that alone.
    sign(dir, "right", "clientAuth", late)?;
    let (status, said) = curl(&scene, Some("right"), &["https://api.example.com/"])?;
    assert_eq!(status, Some(0), "{said}");
    scene.line()?;
    let others = ["self", "foreign", "client", "expired", "server"].map(Some);
    for certificate in [None].into_iter().chain(others) {
        let (status, said) = curl(&scene, certificate, &["https://api.example.com/"])?;
        assert_ne!(status, Some(0), "{certificate:?}: {said}");
        assert_eq!(
            scene.line()?.pick("listener verdict reason"),
            "certified deny peer_certificate",
            "{certificate:?}: {said}"
        );
    }
    Ok(())
}
