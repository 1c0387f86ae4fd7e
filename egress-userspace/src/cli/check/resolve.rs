//! Asks the DNS for the names of a configuration, as the gateway would.

use std::io;
use std::net::IpAddr;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::config::{Resolved, Review};
use crate::dial::{HickoryResolver, Resolve as _, check_answer};
use crate::settings;
use crate::types::Location;

/// Lookups at one moment: a large registry is through soon, and a home router's resolver lives on.
const AT_ONCE: usize = 32;

/// Asks for each name, and has the review take note of the answers.
pub(super) fn ask(review: &mut Review) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let lookups = review.lookups();
    let settings = settings::dns(review.config());
    let answers = runtime.block_on(async {
        let resolver = HickoryResolver::new(&settings)?;
        let answers = stream::iter(&lookups).map(|lookup| async {
            let answer = resolver.resolve(&lookup.name).await;
            match answer {
                Ok(ips) => {
                    let judged = ips.into_iter().map(|ip| judged(ip, lookup.location));
                    Resolved::Addresses(judged.collect())
                }
                Err(error) => Resolved::Failed(error.to_string()),
            }
        });
        io::Result::Ok(answers.buffered(AT_ONCE).collect::<Vec<_>>().await)
    })?;
    for (lookup, answer) in lookups.iter().zip(&answers) {
        review.resolved(lookup, answer);
    }
    Ok(())
}

/// An address, and what it is if the gateway would refuse to dial it.
fn judged(ip: IpAddr, location: Location) -> (IpAddr, Option<String>) {
    let refused = check_answer(ip, location).err();
    (
        ip.to_canonical(),
        refused.map(|refused| refused.class.to_string()),
    )
}
