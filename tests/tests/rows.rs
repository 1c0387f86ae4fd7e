//! What the demo shows, with the configuration that comes with the gateway.

use anyhow::Result;
use egress_tests::{Scene, demo};

const CONFIG: &str = include_str!("../../config/egress.toml");

#[test]
fn every_row_of_the_demo_comes_out_as_it_says() -> Result<()> {
    let scene = Scene::with(CONFIG)?;
    let mut otherwise = Vec::new();
    for row in demo::ROWS {
        let tried = demo::run(&scene.bed, &scene.gateway, row)?;
        if !tried.as_expected() {
            otherwise.push(tried);
        }
    }
    assert!(
        otherwise.is_empty(),
        "{otherwise:#?}\n{}",
        scene.gateway.output()
    );
    Ok(())
}
