//! A schedule: what each of two peers does. A seed makes one, always the same.

use std::ops::RangeInclusive;

use fastrand::Rng;

/// The longest stream: above every threshold of the engines (the scratch buffer, the pipe, the turn).
pub(super) const LONGEST: usize = 3 * 1024 * 1024;

/// What both peers do, and what they do it on.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) client: Script,
    pub(super) upstream: Script,
    /// How much of what the client writes was read before the relay begins.
    pub(super) prefix: usize,
    /// The gateway ends it when the upstream has read so much.
    pub(super) cancel: Option<usize>,
    pub(super) max_pipes: usize,
}

/// What one peer does.
#[derive(Debug)]
pub(super) struct Script {
    /// Sizes of its writes.
    pub(super) pieces: Vec<usize>,
    /// It writes nothing until it has read so much.
    pub(super) after: usize,
    /// It sends an urgent byte before this piece.
    pub(super) urgent: Option<usize>,
    /// It stops reading here, until the other has written all or can write no more.
    pub(super) pause: Option<usize>,
    /// What it reads at once, at most.
    pub(super) gulp: usize,
    /// It sends its end of stream when all is written. One that does not, and reads to the end, waits
    /// after an end of stream for the reset that must follow.
    pub(super) finish: bool,
    pub(super) leave: Leave,
    /// `TCP_NODELAY`, on both ends of its connection.
    pub(super) prompt: bool,
    /// The size of the four buffers of its connection; `None`: the system's.
    pub(super) buffers: Option<u32>,
}

/// How a peer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It reads to the end.
    AtEnd,
    /// It resets once it has read so much, in the middle of whatever it does.
    ResetAt(usize),
    /// It resets when all that was written, by it and by the other, is read.
    ResetSettled,
    /// It closes, without a reset by its will, when all is written and it has read so much.
    CloseAt(usize),
}

impl Script {
    /// All that it writes.
    pub(super) fn total(&self) -> usize {
        self.pieces.iter().sum()
    }

    /// It ends as it should, if nothing prevents it.
    pub(super) fn orderly(&self) -> bool {
        self.finish && self.leave == Leave::AtEnd
    }

    fn new(rng: &mut Rng) -> Self {
        let size = match rng.u8(..) {
            0..2 => 65_536..=LONGEST / 4,
            2..16 => 1_000..=100_000,
            16..64 => 1..=5_000,
            _ => 1..=40,
        };
        let count = rng.usize(0..=4);
        let pieces: Vec<_> = (0..count).map(|_| rng.usize(size.clone())).collect();
        Self {
            urgent: one_in(rng, 12).then(|| {
                if rng.bool() {
                    count
                } else {
                    rng.usize(0..=count)
                }
            }),
            pieces,
            after: 0,
            pause: None,
            gulp: if rng.bool() {
                65_536
            } else {
                rng.usize(1..=100)
            },
            finish: rng.u8(..) < 224,
            leave: Leave::AtEnd,
            prompt: !one_in(rng, 16),
            // Below and above what the kernel takes as the least.
            buffers: one_in(rng, 4).then(|| rng.u32(1_024..=16_384)),
        }
    }

    /// It leaves by a reset, whatever the other does.
    fn resets(&self) -> bool {
        matches!(self.leave, Leave::ResetAt(_) | Leave::ResetSettled)
    }

    /// Chooses what depends on how much the other writes.
    fn facing(&mut self, rng: &mut Rng, theirs: usize) {
        let at = |rng: &mut Rng, range: RangeInclusive<usize>| rng.usize(range);
        self.pause = one_in(rng, 6).then(|| at(rng, 0..=theirs));
        self.leave = match rng.u8(..) {
            0..140 if self.finish => Leave::AtEnd,
            140..195 => Leave::ResetAt(at(rng, 0..=theirs)),
            195..225 => Leave::CloseAt(at(rng, 0..=theirs)),
            _ => Leave::ResetSettled,
        };
        // Where there is much to move, small steps would only take long.
        if theirs.max(self.total()) > 5_000 {
            self.gulp = 65_536;
            self.buffers = self.buffers.map(|size| size.max(8_192));
        }
    }
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let (mut client, mut upstream) = (Script::new(rng), Script::new(rng));
        let (up, down) = (client.total(), upstream.total());
        client.facing(rng, down);
        upstream.facing(rng, up);
        if client.leave == Leave::AtEnd && upstream.resets() {
            client.finish = !one_in(rng, 3);
        }
        if upstream.leave == Leave::AtEnd && client.resets() {
            upstream.finish = !one_in(rng, 3);
        }
        if one_in(rng, 3) {
            upstream.after = rng.usize(0..=up);
        }
        Self {
            seed,
            prefix: if one_in(rng, 4) {
                rng.usize(0..=up.min(20_000))
            } else {
                0
            },
            cancel: one_in(rng, 20).then(|| rng.usize(0..=up)),
            // With few, relays that run beside each other are in each other's way.
            max_pipes: if one_in(rng, 8) {
                rng.usize(0..=4)
            } else {
                usize::MAX
            },
            client,
            upstream,
        }
    }
}

fn one_in(rng: &mut Rng, many: u32) -> bool {
    rng.u32(0..many) == 0
}
