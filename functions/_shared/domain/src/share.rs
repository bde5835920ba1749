//! How campaigns share a provider's account: who may have how many lines, and who starts a call at which moment.
//!
//! By priority, then in turn. A tenth of the account is kept from the highest priority among those who want something,
//! so that nobody starves behind it. What nobody wants is spare and shared in turn, so that a lead that comes in a
//! moment later finds room.
//!
//! Pure. It knows no items and no clock: a minute has a number, and whoever has the same numbers shares in the same way.

/// The highest and the lowest priority; a campaign has [`PRIORITY_DEFAULT`] unless it says so.
pub const PRIORITY_MAX: u8 = 9;
/// See [`PRIORITY_MAX`].
pub const PRIORITY_MIN: u8 = 1;
/// Half-way, so that there is room for more and for less urgent ones.
pub const PRIORITY_DEFAULT: u8 = 5;

/// Of an account, one in this many is kept for priorities that would otherwise get nothing, as a tenth of a campaign's
/// calls is for its last lane.
pub const KEPT_FOR_LOWER: u64 = 10;

/// Fewer lines than a campaign has slot items stay with the same items for this many minutes, then go to the next ones.
/// A line that moves is idle for a minute, because whoever had it may still be taking it.
const FEW_STAY: u64 = 7;

/// Who wants a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimant {
    /// 1 to 9; 9 is served first.
    pub priority: u8,
    /// What it can use now.
    pub wants: u32,
    /// What it could use at most, if there is some left.
    pub most: u32,
}

/// The part of a whole number that is due in a turn: `count` in `of` turns, spread evenly.
pub const fn in_turn(count: u64, of: u64, turn: u64) -> u64 {
    let turn = turn % of;
    (turn + 1) * count / of - turn * count / of
}

/// The parts of a capacity, one for each claimant, in their order. They never sum to more than the capacity. `turn`
/// counts on with every sharing, so that what cannot be divided goes round.
pub fn share(capacity: u32, claimants: &[Claimant], turn: u64) -> Vec<u32> {
    let mut parts = vec![0; claimants.len()];
    let mut left = capacity;
    let wanting = |priority: u8| claimants.iter().any(|c| c.priority == priority && c.wants > 0);
    let mut classes: Vec<u8> = (PRIORITY_MIN..=PRIORITY_MAX).rev().filter(|p| wanting(*p)).collect();
    if let Some(top) = classes.first().copied().filter(|_| classes.len() > 1) {
        let kept = u32::try_from(in_turn(u64::from(capacity), KEPT_FOR_LOWER, turn)).unwrap_or(capacity);
        let lower = |c: &Claimant| if c.priority < top { c.wants } else { 0 };
        let used = fill(kept, &mut parts, &claimants.iter().map(lower).collect::<Vec<_>>(), turn);
        left -= used;
    }
    for class in classes.drain(..) {
        let of_class = |c: &Claimant| if c.priority == class { c.wants } else { 0 };
        left -= fill(
            left,
            &mut parts,
            &claimants.iter().map(of_class).collect::<Vec<_>>(),
            turn,
        );
    }
    let most: Vec<u32> = claimants.iter().map(|c| c.most.max(c.wants)).collect();
    fill(left, &mut parts, &most, turn);
    parts
}

/// Fills parts up to limits, evenly; what is less than one for each goes round. Answers what was given.
fn fill(amount: u32, parts: &mut [u32], upto: &[u32], turn: u64) -> u32 {
    let mut left = amount;
    loop {
        let open: Vec<usize> = (0..parts.len()).filter(|n| parts[*n] < upto[*n]).collect();
        let count = u32::try_from(open.len()).unwrap_or(u32::MAX);
        if left == 0 || count == 0 {
            return amount - left;
        }
        if left < count {
            let first = usize::try_from(turn % u64::from(count)).unwrap_or(0);
            for n in open.iter().cycle().skip(first).take(left as usize) {
                parts[*n] += 1;
            }
            return amount;
        }
        // Each round fills somebody up, or leaves less than one for each.
        let each = left / count;
        for n in open {
            let given = (upto[n] - parts[n]).min(each);
            parts[n] += given;
            left -= given;
        }
    }
}

/// The moments of a minute at which calls of each part start, in milliseconds: all parts together are one even row, so
/// that no 60 seconds, wherever they begin, have more calls than `rate`.
pub fn moments(rate: u32, parts: &[u32]) -> Vec<Vec<u32>> {
    let mut moments: Vec<Vec<u32>> = parts.iter().map(|part| Vec::with_capacity(*part as usize)).collect();
    let total: u32 = parts.iter().sum();
    if total == 0 || total > rate {
        return moments;
    }
    // Each part's calls are as far apart as they can be; ties go to the part that comes first.
    let mut row: Vec<(f64, usize)> = parts
        .iter()
        .enumerate()
        .flat_map(|(n, part)| (0..*part).map(move |i| ((f64::from(i) + 0.5) / f64::from(*part), n)))
        .collect();
    row.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    for (k, (_, n)) in row.into_iter().enumerate() {
        let place = k as u64 * u64::from(rate) / u64::from(total);
        let at_ms = place * 60_000 / u64::from(rate);
        moments[n].push(u32::try_from(at_ms).unwrap_or(0));
    }
    moments
}

/// One slot item, as far as sharing cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Lines that it has.
    pub max: u32,
    /// Lines that are taken now.
    pub held: u32,
    /// Lines that it was granted in the minute before; somebody may be taking them at this moment.
    pub granted: u32,
    /// Whether due leads that are not claimed stand in its part of the queue.
    pub is_wanted: bool,
}

impl Lines {
    /// What may be taken at most, whoever decided on the minute before.
    const fn carried(&self) -> u32 {
        if self.held > self.granted {
            self.held
        } else {
            self.granted
        }
    }
}

/// A campaign that shares lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesOf {
    /// 1 to 9; 9 is served first.
    pub priority: u8,
    /// Due leads that are not claimed.
    pub due: u32,
    /// Whether it may call now; one that may not keeps what it has until its calls end.
    pub is_open: bool,
    /// The slot items of all its shards.
    pub items: Vec<Lines>,
}

impl LinesOf {
    fn sum(&self, of: impl Fn(&Lines) -> u32) -> u32 {
        self.items.iter().map(of).sum()
    }

    /// A campaign's lines over its items, evenly: first where leads wait for them. Fewer lines than items go round.
    fn divide(&self, lines: u32, turn: u64) -> Vec<u32> {
        let mut parts = vec![0; self.items.len()];
        let few = (lines as usize) < self.items.len();
        let turn = if few { turn / FEW_STAY } else { 0 };
        let wanted = |item: &Lines| {
            if item.is_wanted {
                item.max
            } else {
                item.held.min(item.max)
            }
        };
        let used = fill(
            lines,
            &mut parts,
            &self.items.iter().map(wanted).collect::<Vec<_>>(),
            turn,
        );
        let max: Vec<u32> = self.items.iter().map(|item| item.max).collect();
        fill(lines - used, &mut parts, &max, turn);
        parts
    }

    /// Lines that it can use now, and at most.
    pub fn claimant(&self) -> Claimant {
        let max = self.sum(|item| item.max);
        let held = self.sum(|item| item.held.min(item.max));
        Claimant {
            priority: self.priority,
            wants: if self.is_open {
                held.saturating_add(self.due).min(max)
            } else {
                0
            },
            most: if self.is_open { max } else { 0 },
        }
    }
}

/// The lines that each slot item may have taken in the next minute.
///
/// INVARIANT: taken lines never sum to more than the limit, though nobody is told to give one back. Whoever gets less
/// than it has is only not refilled; whoever gets more gets only what nobody may be holding. So a line moves from one
/// campaign to another within two minutes and a call.
pub fn grant_lines(limit: u32, campaigns: &[LinesOf], turn: u64) -> Vec<Vec<u32>> {
    let claimants: Vec<Claimant> = campaigns.iter().map(LinesOf::claimant).collect();
    // What cannot be divided stays for some minutes where it is: a line that moves is idle meanwhile, and one that moved each
    // minute would never arrive.
    let targets = share(limit, &claimants, turn / FEW_STAY);
    let targets: Vec<Vec<u32>> = campaigns
        .iter()
        .zip(targets)
        .map(|(c, target)| c.divide(target, turn))
        .collect();
    let items = || {
        campaigns
            .iter()
            .flat_map(|c| c.items.iter().map(move |item| (c.priority, item)))
    };
    let carried: u64 = items().map(|(_, item)| u64::from(item.carried())).sum();
    let free = u32::try_from(u64::from(limit).saturating_sub(carried)).unwrap_or(limit);
    let growing: Vec<Claimant> = items()
        .zip(targets.iter().flatten())
        .map(|((priority, item), target)| {
            let wants = target.saturating_sub(item.carried());
            Claimant {
                priority,
                wants,
                most: wants,
            }
        })
        .collect();
    let mut grown = share(free, &growing, turn).into_iter();
    let granted = |(item, target): (&Lines, u32)| match grown.next() {
        Some(more) if target > item.carried() => item.carried() + more,
        _ => target,
    };
    let mut granted = granted;
    campaigns
        .iter()
        .zip(targets)
        .map(|(campaign, targets)| campaign.items.iter().zip(targets).map(&mut granted).collect())
        .collect()
}

#[cfg(test)]
mod tests;
