//! Names that differ in one character.
//!
//! Every such name is made and looked up, rather than every listed name compared: that is at most some
//! 20,000 lookups, for a name of 253 characters, however large the registry is. Names that differ in more are not found.

use crate::types::HostName;

/// What host names are made of.
const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

/// The names that one slip makes of `name`: a character more, less, another, or two in each other's place.
/// Some come more than once.
pub(super) fn of(name: &HostName) -> impl Iterator<Item = HostName> {
    let name = name.as_str();
    let places = 0..=name.len();
    places
        .filter_map(|at| name.split_at_checked(at))
        .flat_map(|(before, after)| at(before, after))
        // With a dot at its end it would be the name without.
        .filter(|text| !text.ends_with('.'))
        .filter_map(|text| text.parse().ok())
}

fn at(before: &str, after: &str) -> impl Iterator<Item = String> {
    let rest = after.get(1..);
    let more = ALPHABET.chars().map(move |c| format!("{before}{c}{after}"));
    let other = rest.into_iter().flat_map(move |rest| {
        let others = ALPHABET.chars().filter(move |c| !after.starts_with(*c));
        others.map(move |c| format!("{before}{c}{rest}"))
    });
    let less = rest.map(|rest| format!("{before}{rest}"));
    let mut two = after.chars();
    let swapped = match (two.next(), two.next()) {
        (Some(a), Some(b)) if a != b => Some(format!("{before}{b}{a}{}", two.as_str())),
        _ => None,
    };
    more.chain(other).chain(less).chain(swapped)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn slips(name: &str) -> BTreeSet<String> {
        let name = name.parse().expect("a name");
        of(&name).map(|name| name.to_string()).collect()
    }

    #[test]
    fn each_kind_of_slip_is_made_and_none_is_the_name_itself() {
        let slips = slips("api.example.com");
        for slip in [
            "apii.example.com",
            "ai.example.com",
            "aqi.example.com",
            "pai.example.com",
            "api-example.com",
            "apiexample.com",
            "api.example.co",
        ] {
            assert!(slips.contains(slip), "{slip}");
        }
        assert!(!slips.contains("api.example.com"));
    }

    proptest! {
        #[test]
        fn the_names_are_those_that_are_one_edit_away(a in "[ab]{1,4}(\\.[ab]{1,3})?", b in "[ab]{1,4}(\\.[ab]{1,3})?") {
            let is_slip = strsim::osa_distance(&a, &b) == 1;
            prop_assert_eq!(slips(&a).contains(&b), is_slip, "{} {}", a, b);
        }
    }
}
