//! How a call goes. Not here: carrying it out (`serve`).

use crate::dice::Dice;

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Well, quickly.
    Good,
    /// Well, but it takes seconds.
    Slow,
    /// A failing status; not billed.
    Refused(u16),
    /// Too many requests, come again in so many milliseconds; not billed.
    Throttled(u64),
    /// No status ever comes; billed.
    Silent,
    /// After some pieces nothing more comes.
    Hang,
    /// After some pieces the connection breaks.
    Cut,
    /// After some pieces, each of which tells the count so far, the connection breaks.
    CutCounting,
    /// After some pieces the stream ends properly, but too early.
    Short,
    /// After some pieces an error event.
    ErrorEvent,
    /// The whole answer, but nothing of what it used.
    NoUsage,
}

const TROUBLES: [(u64, Fate); 12] = [
    (5, Fate::Slow),
    (2, Fate::Refused(500)),
    (2, Fate::Refused(503)),
    (2, Fate::Throttled(50)),
    (2, Fate::Throttled(400)),
    (2, Fate::Silent),
    (2, Fate::Hang),
    (4, Fate::Cut),
    (2, Fate::CutCounting),
    (2, Fate::Short),
    (2, Fate::ErrorEvent),
    (3, Fate::NoUsage),
];

impl Fate {
    /// How this call goes; so many of a hundred go wrong.
    pub(super) fn of(dice: &mut Dice, trouble: u64) -> Self {
        if dice.percent(trouble) { dice.weighted(&TROUBLES).unwrap_or(Fate::Good) } else { Fate::Good }
    }

    /// Whether the provider begins to answer, and so bills.
    pub(super) fn is_billed(self) -> bool {
        !matches!(self, Fate::Refused(_) | Fate::Throttled(_))
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Good => "good",
            Fate::Slow => "slow",
            Fate::Refused(_) => "5xx",
            Fate::Throttled(_) => "429",
            Fate::Silent => "no status",
            Fate::Hang => "hang",
            Fate::Cut | Fate::CutCounting => "cut",
            Fate::Short => "ends early",
            Fate::ErrorEvent => "error event",
            Fate::NoUsage => "no usage",
        }
    }
}
