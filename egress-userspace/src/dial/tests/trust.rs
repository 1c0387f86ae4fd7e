//! How far a name that a client sent is believed.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::time::advance;

use super::*;

const GRACE: Duration = Duration::from_mins(10);
const NAME: &str = "a.example";

/// What a cache and the servers behind it say of [`NAME`], whatever is asked.
#[derive(Default)]
struct Changing {
    cached: Mutex<Vec<IpAddr>>,
    /// One answer after the other; then none.
    anew: Mutex<VecDeque<Answer>>,
}

impl Resolve for Changing {
    fn resolve<'a>(&'a self, _: &'a HostName) -> Resolving<'a> {
        let cached = self.cached.lock().expect("the lock").clone();
        Box::pin(async move { Ok(cached) })
    }

    fn resolve_anew<'a>(&'a self, _: &'a HostName) -> Resolving<'a> {
        let anew = self.anew.lock().expect("the lock").pop_front();
        Box::pin(async move { anew.expect("servers were not to be asked again") })
    }
}

struct Scene {
    names: Arc<Changing>,
    dialer: Dialer,
}

impl Scene {
    fn new(cached: &[&str]) -> Self {
        let names = Arc::new(Changing::default());
        let dialer = with(settings(), Arc::clone(&names) as Arc<dyn Resolve>);
        let scene = Self { names, dialer };
        scene.cached(cached);
        scene
    }

    fn cached(&self, ips_now: &[&str]) {
        *self.names.cached.lock().expect("the lock") = ips(ips_now);
    }

    fn anew(&self, answer: Answer) {
        self.names.anew.lock().expect("the lock").push_back(answer);
    }

    /// Where a client is led that wanted this address.
    async fn led(&self, wanted: &str, prefer: bool) -> Result<(Vec<String>, bool), DialError> {
        let permit = permit(to_name(NAME, 443, prefer.then_some(wanted)), &[]);
        let permit = permit.requiring(Required {
            name: host(NAME),
            ip: wanted.parse().expect("an address"),
        });
        let plan = plan::plan(&permit, &self.dialer.names, None, true).await?;
        let ip = |candidate: &order::Candidate| candidate.addr.addr().ip().to_string();
        Ok((plan.candidates.iter().map(ip).collect(), plan.redialled))
    }

    async fn denied(&self, wanted: &str) -> bool {
        let denial = self.led(wanted, false).await.map_err(|e| e.denial());
        denial == Err(Some(DenyReason::SniIpMismatch))
    }
}

fn to(ips: &[&str], redialled: bool) -> (Vec<String>, bool) {
    (ips.iter().map(ToString::to_string).collect(), redialled)
}

#[tokio::test(start_paused = true)]
async fn an_address_of_the_name_is_led_to_the_name() {
    let scene = Scene::new(&["192.0.2.1", "192.0.2.2"]);
    let led = scene.led("192.0.2.2", false).await.expect("a plan");
    assert_eq!(led, to(&["192.0.2.1", "192.0.2.2"], false));
    // With `resolution = "NONE"` it goes where it wanted.
    let led = scene.led("192.0.2.2", true).await.expect("a plan");
    assert_eq!(led, to(&["192.0.2.2"], false));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_the_name_never_had_is_denied() {
    let scene = Scene::new(&["192.0.2.1"]);
    scene.anew(Ok(ips(&["192.0.2.1"])));
    let error = scene.led("192.0.2.9", false).await.expect_err("denied");
    assert_eq!(error.denial(), Some(DenyReason::SniIpMismatch));
    assert_eq!(error.label(), "sni_ip_mismatch");
    assert_eq!(error.flag(), ResponseFlag::UnauthorizedExternalService);
    assert_eq!(
        error.to_string(),
        "192.0.2.9 is not an address of a.example"
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_of_a_moment_ago_is_led_to_an_answer_of_now() {
    let scene = Scene::new(&["192.0.2.1"]);
    scene.led("192.0.2.1", true).await.expect("a plan");
    scene.cached(&["192.0.2.2"]);
    advance(GRACE / 2).await;
    let led = scene.led("192.0.2.1", true).await.expect("a plan");
    assert_eq!(led, to(&["192.0.2.2"], true));
    // Being led elsewhere is no sight of the old address: the grace goes by.
    advance(GRACE / 2).await;
    scene.anew(Ok(ips(&["192.0.2.2"])));
    assert!(scene.denied("192.0.2.1").await);
}

#[tokio::test(start_paused = true)]
async fn what_clients_were_answered_counts_too() {
    let scene = Scene::new(&["192.0.2.1"]);
    let seen = scene.dialer.memory().seen();
    seen.learn(&host(NAME), &ips(&["192.0.2.7"]), Duration::from_mins(1));
    let led = scene.led("192.0.2.7", false).await.expect("a plan");
    assert_eq!(led, to(&["192.0.2.1"], true));
}

#[tokio::test(start_paused = true)]
async fn servers_are_asked_once_more_before_an_address_is_denied() {
    let scene = Scene::new(&["192.0.2.1"]);
    scene.anew(Ok(ips(&["192.0.2.5", "192.0.2.6"])));
    let led = scene.led("192.0.2.6", true).await.expect("a plan");
    assert_eq!(led, to(&["192.0.2.6"], false));
    // One question for many clients: the next one is judged by what is known.
    assert!(scene.denied("192.0.2.9").await);
    advance(Duration::from_mins(1)).await;
    scene.anew(Err(ResolveError::Timeout));
    assert!(scene.denied("192.0.2.9").await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_leads_inside_is_refused_although_the_client_had_it() {
    let scene = Scene::new(&["169.254.169.254"]);
    let error = scene
        .led("169.254.169.254", true)
        .await
        .expect_err("denied");
    assert_eq!(error.denial(), Some(DenyReason::ResolvedAddressRefused));
}

#[tokio::test(start_paused = true)]
async fn a_route_elsewhere_is_only_for_addresses_of_the_name() {
    let scene = Scene::new(&["192.0.2.1"]);
    let elsewhere: SocketAddr = "192.0.2.200:443".parse().expect("an address");
    let endpoints = [EndpointTarget::new(EndpointHost::Address(elsewhere))];
    let lead = async |wanted: &str| {
        let target = Target::Endpoints(endpoints.clone().into());
        let permit = permit(target, &[]).requiring(Required {
            name: host(NAME),
            ip: wanted.parse().expect("an address"),
        });
        plan::plan(&permit, &scene.dialer.names, None, true).await
    };
    let plan = lead("192.0.2.1").await.expect("a plan");
    assert_eq!(plan.candidates.len(), 1);
    scene.anew(Ok(ips(&["192.0.2.1"])));
    let error = lead("192.0.2.9").await.expect_err("denied");
    assert_eq!(error.denial(), Some(DenyReason::SniIpMismatch));
}

#[tokio::test]
async fn what_the_dns_forwarder_answered_is_dialled_if_an_answer_may_be_it() {
    let dialer = dialer(&[]);
    let lead = async |addr: &str| {
        let target = Target::Answer {
            name: host(NAME),
            addr: addr.parse().expect("an address"),
        };
        plan::plan(&permit(target, &[]), &dialer.names, None, true).await
    };
    let plan = lead("192.0.2.1:5432").await.expect("a plan");
    assert_eq!(plan.candidates.len(), 1);
    let error = lead("10.0.0.1:5432").await.expect_err("denied");
    assert_eq!(error.denial(), Some(DenyReason::ResolvedAddressRefused));
}
