//! What the operating system says of this process, under the names that all exporters use.

use std::fmt;
use std::fs;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tracing::warn;

/// This process.
#[derive(Debug)]
pub(in crate::app) struct Process {
    /// Bytes.
    page: u64,
    /// Seconds of Unix time.
    start: f64,
}

/// What changes while it runs.
struct Now {
    cpu: Duration,
    open: u64,
    most: u64,
    stat: Stat,
}

/// Of `/proc/self/stat`, see proc(5).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    threads: u64,
    /// Ticks since the machine started.
    start: u64,
    /// Bytes.
    virtual_memory: u64,
    /// Pages.
    resident: u64,
}

impl Process {
    pub(in crate::app) fn new() -> io::Result<Self> {
        let page = positive(sysconf(SysconfVar::PAGE_SIZE)?)?;
        let ticks = positive(sysconf(SysconfVar::CLK_TCK)?)?;
        let millis = Stat::read()?.start.saturating_mul(1_000) / ticks;
        let up = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let booted = now.unwrap_or_default().saturating_sub(up);
        Ok(Self {
            page,
            start: (booted + Duration::from_millis(millis)).as_secs_f64(),
        })
    }

    fn write(&self, encoder: &mut DescriptorEncoder<'_>, now: &Now) -> fmt::Result {
        let cpu = encoder.encode_descriptor(
            "process_cpu_seconds",
            "Processor time that the process took, in user and in kernel mode.",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(now.cpu.as_secs_f64()).encode(cpu)?;
        let start = encoder.encode_descriptor(
            "process_start_time_seconds",
            "When the process started, as Unix time.",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(self.start).encode(start)?;
        let resident = now.stat.resident.saturating_mul(self.page);
        let gauges = [
            ("process_open_fds", "Descriptors that are open.", now.open),
            ("process_max_fds", "Descriptors that may be open.", now.most),
            (
                "process_resident_memory_bytes",
                "Memory that is resident.",
                resident,
            ),
            (
                "process_virtual_memory_bytes",
                "Address space that is taken.",
                now.stat.virtual_memory,
            ),
            ("process_threads", "Threads.", now.stat.threads),
        ];
        for (name, help, value) in gauges {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            // A limit may be none, which is the largest number.
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(gauge)?;
        }
        Ok(())
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        match Now::read() {
            Ok(now) => self.write(&mut encoder, &now),
            Err(error) => {
                warn!(%error, "what the process takes cannot be read");
                Ok(())
            }
        }
    }
}

impl Now {
    fn read() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        Ok(Self {
            cpu: duration(usage.user_time()) + duration(usage.system_time()),
            open: descriptors()?,
            most: getrlimit(Resource::RLIMIT_NOFILE)?.0,
            stat: Stat::read()?,
        })
    }
}

impl Stat {
    fn read() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/self/stat")?;
        Self::parse(&text).ok_or_else(|| io::Error::other("/proc/self/stat is not as in proc(5)"))
    }

    /// The second field, the program's name, may hold anything, in parentheses.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        // Numbered as in proc(5), where the first of these is the third.
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            threads: field(20)?,
            start: field(22)?,
            virtual_memory: field(23)?,
            resident: field(24)?,
        })
    }
}

/// How many descriptors are open. The kernel says it at once from Linux 6.2; before, they are counted.
fn descriptors() -> io::Result<u64> {
    let known = fs::metadata("/proc/self/fd")?.len();
    if known > 0 {
        return Ok(known);
    }
    let counted = fs::read_dir("/proc/self/fd")?.count();
    Ok(u64::try_from(counted).unwrap_or(u64::MAX))
}

fn duration(time: TimeVal) -> Duration {
    let seconds = Duration::from_secs(time.tv_sec().try_into().unwrap_or_default());
    seconds + Duration::from_micros(time.tv_usec().try_into().unwrap_or_default())
}

fn positive(value: Option<i64>) -> io::Result<u64> {
    let value = value.and_then(|value| u64::try_from(value).ok());
    let positive = value.filter(|value| *value > 0);
    positive.ok_or_else(|| io::Error::other("the system does not say how it measures"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_may_hold_anything() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 3 0 900 1024 42 18446744073709551615";
        let stat = Stat {
            threads: 3,
            start: 900,
            virtual_memory: 1024,
            resident: 42,
        };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_is_as_it_is() {
        let process = Process::new().expect("readable");
        let now = Now::read().expect("readable");
        let _one_more = fs::File::open("/dev/null").expect("a descriptor");
        assert!(Now::read().expect("readable").open >= now.open);
        assert!(now.open > 0 && now.most >= now.open);
        assert!(now.stat.threads > 0 && now.stat.resident > 0);
        let age = SystemTime::now().duration_since(UNIX_EPOCH);
        let age = age.expect("after 1970").as_secs_f64() - process.start;
        assert!((-1.0..3_600.0).contains(&age), "{age}");
    }
}
