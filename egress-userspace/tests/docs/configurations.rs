//! Configurations on the pages are right, and deserve no second look.

use egress_userspace::config::Review;

use crate::assert_none;
use crate::pages::{self, Block};

/// What a block without a scope is completed with.
const SCOPE: &str = "\n[[scope]]\ncgroups = [\"/apps.slice\"]\n";

/// Whether the text is a whole file's, as far as it goes.
fn whole(block: &Block) -> Result<String, String> {
    let text = match block.option("fragment") {
        None => block.text.clone(),
        Some("service") => service(&block.text)?,
        Some(other) => return Err(format!("no such fragment: {other}")),
    };
    let file: toml::Table = toml::from_str(&text).map_err(|error| error.to_string())?;
    if file.contains_key("scope") {
        return Ok(text);
    }
    Ok(text + SCOPE)
}

/// A service of these keys, and of those without which there is none.
fn service(keys: &str) -> Result<String, String> {
    let given: toml::Table = toml::from_str(keys).map_err(|error| error.to_string())?;
    let needed = [
        ("name", "\"fragment\""),
        ("hosts", "[\"fragment.example.com\"]"),
        ("ports", "[{ number = 443, protocol = \"TLS\" }]"),
        ("resolution", "\"DNS\""),
    ];
    let missing = needed.iter().filter(|(key, _)| !given.contains_key(*key));
    let mut lines = vec!["[[service]]".to_owned()];
    lines.extend(missing.map(|(key, value)| format!("{key} = {value}")));
    lines.push(keys.to_owned());
    Ok(lines.join("\n"))
}

/// What is wrong with a block.
fn look(block: &Block) -> Result<(), String> {
    if let [unknown, ..] = block
        .unknown_options(&["fragment", "refused", "warns"])
        .as_slice()
    {
        return Err(format!("`{unknown}` says nothing here"));
    }
    let text = whole(block)?;
    // A build that knows no cluster refuses the section, as it should; the tests of all run with one that does.
    if !cfg!(feature = "k8s") && text.contains("[kubernetes]") {
        return Ok(());
    }
    let review = match Review::from_toml("block", &text) {
        Err(_) if block.option("refused").is_some() => return Ok(()),
        Err(errors) => return Err(errors.render(false)),
        Ok(_) if block.option("refused").is_some() => return Err("it is right".into()),
        Ok(review) => review,
    };
    let (_, warnings) = review.finish();
    let meant: Vec<_> = block
        .option("warns")
        .into_iter()
        .flat_map(|w| w.split(','))
        .collect();
    let mut said: Vec<_> = warnings.iter().map(|w| w.code.as_str()).collect();
    said.dedup();
    if said == meant {
        return Ok(());
    }
    Err(format!(
        "warnings {said:?}, not {meant:?}:\n{}",
        warnings.render(false)
    ))
}

#[test]
fn every_configuration_is_right() {
    let mut wrong = Vec::new();
    for page in pages::all() {
        for block in page.blocks.iter().filter(|block| block.language == "toml") {
            if let Err(why) = look(block) {
                wrong.push(format!("{}: {why}", page.at(block.line)));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn a_wrong_one_is_found() {
    let look = |info: &str, text: &str| {
        let text = format!("```toml {info}\n{text}\n```\n");
        let page = pages::Page::new("x.md".into(), text);
        look(page.blocks.first().expect("a block"))
    };
    assert_eq!(look("", "[gateway]\nmode = \"audit\""), Ok(()));
    assert_eq!(look("fragment=service", "trust = \"verify\""), Ok(()));
    assert!(look("", "[gateway]\nmodus = \"audit\"").is_err());
    assert!(look("fragment=service", "trust = \"blind\"").is_err());
    assert!(look("fragment=servive", "trust = \"verify\"").is_err());
    assert!(look("wrong", "[gateway]\nmode = \"audit\"").is_err());
    assert!(look("refused", "[gateway]\nmode = \"audit\"").is_err());
    assert_eq!(look("refused", "[gateway]\nmodus = \"audit\""), Ok(()));
    let wide = "hosts = [\"*.com\"]\nresolution = \"DYNAMIC_DNS\"";
    assert!(look("fragment=service", wide).is_err());
    assert_eq!(look("fragment=service warns=public_suffix", wide), Ok(()));
}
