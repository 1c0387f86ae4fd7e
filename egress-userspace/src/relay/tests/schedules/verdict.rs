//! Whether what came of a schedule may come of it.

use std::io::ErrorKind;

use super::peer::{Last, Seen};
use super::script::{Leave, Schedule, Script};
use crate::relay::{CloseReason, Cut, End, Ended, Side};

/// All that came of a schedule.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) client: Seen,
    pub(super) upstream: Seen,
    pub(super) ended: Ended,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// What can only be one way, whichever engine and however the peers meet: for each direction what was
/// read and counted, and how it ended for its reader.
pub(super) type Determined = [Option<(usize, u64, Last)>; 2];

/// One direction: who wrote and who read.
struct Way<'a> {
    writer: Side,
    from: &'a Script,
    wrote: &'a Seen,
    to: &'a Script,
    read: &'a Seen,
    end: End,
    counted: u64,
}

/// Fails with what must not be.
pub(super) fn judge(schedule: &Schedule, outcome: &Outcome) -> Result<Determined, String> {
    let Outcome {
        client,
        upstream,
        ended,
        ..
    } = outcome;
    let up = Way {
        writer: Side::Client,
        from: &schedule.client,
        wrote: client,
        to: &schedule.upstream,
        read: upstream,
        end: ended.client_to_upstream,
        counted: outcome.sent,
    };
    let down = Way {
        writer: Side::Upstream,
        from: &schedule.upstream,
        wrote: upstream,
        to: &schedule.client,
        read: client,
        end: ended.upstream_to_client,
        counted: outcome.received,
    };
    let cancelled = schedule.cancel.is_some();
    let fixed = [up.judge(cancelled)?, down.judge(cancelled)?];
    let orderly = schedule.client.orderly() && schedule.upstream.orderly() && !cancelled;
    match ended.by {
        CloseReason::Finished { .. } => holds(
            up.end == End::Eof && down.end == End::Eof,
            "finished, and not both directions",
        )?,
        CloseReason::Cut(cut) => {
            holds(!orderly, "cut by nobody")?;
            holds(schedule.may_cut(cut), "cut by one who did not")?;
        }
    }
    for end in [up.end, down.end] {
        if let End::Cut(cut) = end {
            holds(schedule.may_cut(cut), "a direction cut by one who did not")?;
        }
    }
    Ok(fixed)
}

impl Schedule {
    fn may_cut(&self, cut: Cut) -> bool {
        match cut {
            Cut::Reset { by: Side::Client } => self.client.leave != Leave::AtEnd,
            Cut::Reset { by: Side::Upstream } => self.upstream.leave != Leave::AtEnd,
            Cut::Cancelled => self.cancel.is_some(),
            Cut::Failed { .. } | Cut::IdleTimeout | Cut::MaxDuration => false,
        }
    }
}

impl Way<'_> {
    fn judge(&self, cancelled: bool) -> Result<Option<(usize, u64, Last)>, String> {
        let Self {
            from,
            wrote,
            to,
            read,
            counted,
            ..
        } = self;
        let counted = usize::try_from(*counted).map_err(|error| error.to_string())?;
        let all = counted == from.total() && wrote.wrote == from.total();
        holds(read.read <= counted, "fewer bytes counted than were read")?;
        holds(
            counted <= wrote.wrote,
            "more bytes counted than were written",
        )?;

        // Whether the writer is one whose reader may see a reset.
        let abrupt = from.leave != Leave::AtEnd || cancelled;
        match read.last {
            Last::Eof => {
                holds(wrote.finished, "an end of stream that was not sent")?;
                holds(read.read == from.total(), "an end of stream before the end")?;
            }
            Last::Error(ErrorKind::ConnectionReset) => holds(abrupt, "a reset by nobody")?,
            Last::Error(_) => return Err(String::from("another error than a reset")),
            Last::Left => holds(to.leave != Leave::AtEnd, "left too early")?,
        }
        if let Some(error) = wrote.write_error {
            let gone = to.leave != Leave::AtEnd || cancelled;
            holds(gone, "a write that failed by nobody")?;
            let kinds = [
                ErrorKind::ConnectionReset,
                ErrorKind::BrokenPipe,
                ErrorKind::NotConnected,
            ];
            holds(kinds.contains(&error), "a write failed in another way")?;
        }
        if self.end == End::Eof {
            holds(wrote.finished, "took for finished what was not")?;
            holds(all, "an end before all was passed on")?;
        }
        if cancelled {
            return Ok(None);
        }
        self.fixed(all)
    }

    /// What must be when nobody left before all was read.
    fn fixed(&self, all: bool) -> Result<Option<(usize, u64, Last)>, String> {
        let Self {
            from,
            to,
            read,
            counted,
            ..
        } = self;
        let waits = |script: &Script| script.orderly() || script.leave == Leave::ResetSettled;
        if !(waits(from) && waits(to)) {
            return Ok(None);
        }
        holds(all && read.read == from.total(), "not all was passed on")?;
        if to.leave != Leave::AtEnd {
            return Ok(None);
        }
        if from.leave == Leave::AtEnd {
            holds(read.last == Last::Eof, "no end of stream")?;
            holds(self.end == End::Eof, "an end taken for a cut")?;
        } else if !from.finish {
            let cut = Cut::Reset { by: self.writer };
            holds(
                self.end == End::Cut(cut),
                "a reset taken for something else",
            )?;
        } else {
            return Ok(None);
        }
        Ok(Some((read.read, *counted, read.last)))
    }
}

fn holds(condition: bool, otherwise: &str) -> Result<(), String> {
    condition
        .then_some(())
        .ok_or_else(|| String::from(otherwise))
}
