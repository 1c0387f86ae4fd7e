//! How pods are governed as the labels of their namespaces say.

use anyhow::Result;
use egress_tests::{ApiServer, Python, Scene, wait_until};
use serde_json::json;

use super::{AUDIT, BANK, CONTAINER, Cluster, LONG, SHOP, SHORT, SOON, UNKNOWN, both};

/// Where no service is for anybody.
const NOWHERE: &str = "203.0.113.66:443";

/// The namespace with a label that says how its pods are governed.
fn label(api: &ApiServer, namespace: &str, mode: &str) {
    api.namespace(namespace, &json!({ "egress-gateway/mode": mode }));
}

/// Whether a datagram goes out that no service is for: the kernel judges it, whatever the gateway knows.
fn goes(client: &mut Python) -> Result<bool> {
    let send =
        "str(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.66', 9)))";
    Ok(client.ask(send)? != "PermissionError")
}

fn wait_for(client: &mut Python, passes: bool) -> Result<()> {
    wait_until(&format!("its datagrams pass: {passes}"), SOON, || {
        (goes(client).ok()? == passes).then_some(())
    })
}

#[test]
fn pods_are_governed_as_the_labels_of_their_namespaces_say() -> Result<()> {
    let cluster = Cluster::new(LONG, both)?;
    cluster.known(2)?;
    let mut shop = cluster.pod(SHOP, "")?.session()?;
    // What it calls its cgroups does not matter.
    let inner = format!("/kubepods/burstable/pod{SHOP}/{CONTAINER}");
    let mut bank = cluster.pod(BANK, &inner)?.session()?;
    let connections = || {
        let lines = cluster.scene.gateway.access_log().lines().into_iter();
        let own = lines.filter(|line| line.get("dst.addr") == NOWHERE);
        own.map(|line| line.get("verdict")).collect::<Vec<_>>()
    };
    let mut expected = Vec::new();
    for (mode, passes, verdict) in [
        ("audit", true, Some("audit")),
        ("enforce", false, Some("deny")),
        ("off", true, None),
        ("enforce", false, Some("deny")),
    ] {
        label(&cluster.api, "shop", mode);
        wait_for(&mut shop, passes)?;
        let said = shop.ask("get('evil.example.net', '203.0.113.66')")?;
        assert_eq!(said.starts_with("served by evil"), passes, "{mode}: {said}");
        expected.extend(verdict.map(ToOwned::to_owned));
        wait_until("the log has its connection", SOON, || {
            (connections().len() == expected.len()).then_some(())
        })?;
        assert_eq!(connections(), expected, "{mode}");
        assert!(!goes(&mut bank)?, "beside {mode}");
    }
    Ok(())
}

#[test]
fn what_is_not_governed_stays_so_while_the_api_is_not_there_and_no_longer() -> Result<()> {
    let mut cluster = Cluster::new(SHORT, |api| {
        both(api);
        label(api, "shop", "off");
    })?;
    let mut shop = cluster.pod(SHOP, "")?.session()?;
    let mut bank = cluster.pod(BANK, "")?.session()?;
    wait_for(&mut shop, true)?;
    cluster.api.set_up(false);
    let Scene { gateway, bed, .. } = &mut cluster.scene;
    gateway.revive_elsewhere(bed, &[])?;
    cluster.says("unsynced")?;
    assert!(goes(&mut shop)?);
    assert!(!goes(&mut bank)?);
    cluster.api.namespace("shop", &json!({}));
    cluster.api.set_up(true);
    wait_for(&mut shop, false)
}

/// Whether a connection goes out that no service is for, and that the gateway judges.
fn is_served(client: &mut Python) -> Result<bool> {
    let said = client.ask("get('evil.example.net', '203.0.113.66')")?;
    Ok(said.starts_with("served by evil"))
}

#[test]
fn what_may_be_of_a_namespace_that_enforces_is_enforced_although_the_policy_audits() -> Result<()> {
    let mut cluster = Cluster::with(AUDIT, SHORT, |api| {
        both(api);
        label(api, "shop", "enforce");
    })?;
    let mut shop = cluster.pod(SHOP, "")?.session()?;
    let mut bank = cluster.pod(BANK, "")?.session()?;
    let mut unknown = cluster.pod(UNKNOWN, "")?.session()?;
    for client in [&mut shop, &mut unknown] {
        wait_for(client, false)?;
        assert!(!is_served(client)?);
    }
    assert!(goes(&mut bank)? && is_served(&mut bank)?);
    cluster.api.set_up(false);
    let Scene { gateway, bed, .. } = &mut cluster.scene;
    gateway.revive_elsewhere(bed, &[])?;
    cluster.says("unsynced")?;
    for client in [&mut shop, &mut unknown] {
        assert!(!goes(client)?);
        assert!(!is_served(client)?);
    }
    assert!(goes(&mut bank)? && is_served(&mut bank)?);
    Ok(())
}
