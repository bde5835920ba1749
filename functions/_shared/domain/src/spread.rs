//! When claimed leads are called: spread over the seconds, so that an opening is no burst.
//!
//! Pure. Slot items start a call at most every [`GAP_MS`], or as their campaign's rate says; where the account has a
//! rate too, only at the moments that are theirs. Leads take the moments in their order: the first lead the first one.

/// Milliseconds between two calls of one slot item. Its twelve lines are filled within twenty seconds: unanswered calls,
/// the shortest there are, ring longer, so lines never wait for it. So a campaign starts at most one call a second for
/// every twelve of its calls at once.
pub const GAP_MS: i64 = 20_000 / 12;

/// A call is claimed at most this long before it is placed. Looks come every five seconds while leads are due, so more
/// would only hold lines that others could use, and promises that come in would wait behind it. A claim lasts three
/// minutes, the last of which is a margin for clocks: a message that waits this long still has a minute and a half.
pub const AHEAD_MAX_MS: i64 = 30_000;

/// A slot item that calls may start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Free lines.
    pub free: u32,
    /// It starts no call before this, in milliseconds.
    pub next_ms: i64,
    /// Milliseconds between two of its calls.
    pub gap_ms: i64,
}

/// One call: from which source, when, and at which of the given moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the source.
    pub source: usize,
    /// When, in milliseconds.
    pub at_ms: i64,
    /// Index of the moment, where only some are allowed.
    pub moment: Option<usize>,
}

/// At most `most` calls from now on, in the order of their times. With `moments`, which are in order, only at those.
pub fn spread(sources: &[Source], moments: Option<&[i64]>, most: usize, now_ms: i64) -> Vec<Place> {
    let mut sources = sources.to_vec();
    let mut places = Vec::new();
    let mut take = |at_least_ms: i64, moment: Option<usize>, exactly: bool| {
        let (source, free) = sources
            .iter_mut()
            .enumerate()
            .filter(|(_, source)| source.free > 0)
            .min_by_key(|(_, source)| source.next_ms.max(at_least_ms))?;
        let at_ms = free.next_ms.max(at_least_ms);
        if at_ms > now_ms + AHEAD_MAX_MS || (exactly && at_ms != at_least_ms) {
            return None;
        }
        free.free -= 1;
        free.next_ms = at_ms + free.gap_ms;
        Some(Place { source, at_ms, moment })
    };
    match moments {
        None => {
            while places.len() < most {
                let Some(place) = take(now_ms, None, false) else { break };
                places.push(place);
            }
        }
        Some(moments) => {
            for (n, at_ms) in moments.iter().enumerate().filter(|(_, at_ms)| **at_ms >= now_ms) {
                if places.len() == most {
                    break;
                }
                // A moment at which no item may start is left out.
                places.extend(take(*at_ms, Some(n), true));
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn source(free: u32, next_ms: i64, gap_ms: i64) -> Source {
        Source { free, next_ms, gap_ms }
    }

    fn times(places: &[Place]) -> Vec<(usize, i64)> {
        places.iter().map(|place| (place.source, place.at_ms)).collect()
    }

    #[test]
    fn an_opening_is_spread_and_no_item_starts_two_calls_in_one_second() {
        let places = spread(&[source(12, 0, GAP_MS); 3], None, 100, 1_000_000);
        assert_eq!(places.len(), 36, "all lines are filled");
        let mut seconds = std::collections::BTreeMap::<(usize, i64), u32>::new();
        for place in &places {
            *seconds.entry((place.source, place.at_ms / 1_000)).or_default() += 1;
        }
        assert_eq!(seconds.values().max(), Some(&1));
        assert!(places.last().unwrap().at_ms - 1_000_000 < 20_000);
        assert!(places.is_sorted_by_key(|place| place.at_ms));
    }

    #[test]
    fn a_rate_reaches_into_what_was_claimed_before_and_not_further_ahead_than_a_claim_lasts() {
        let three_a_minute = source(5, 10_000, 20_000);
        assert_eq!(
            times(&spread(&[three_a_minute], None, 5, 0)),
            [(0, 10_000), (0, 30_000)]
        );
        assert_eq!(
            times(&spread(&[source(5, 0, 30_000)], None, 5, 70_000)),
            [(0, 70_000), (0, 100_000)]
        );
    }

    #[test]
    fn only_given_moments_that_have_not_passed_are_taken_and_only_when_an_item_may_start() {
        let moments = [0, 500, 1_000, 1_500, 3_000];
        let places = spread(&[source(3, 0, 1_000), source(1, 0, 1_000)], Some(&moments), 9, 400);
        assert_eq!(times(&places), [(0, 500), (1, 1_000), (0, 1_500), (0, 3_000)]);
        assert_eq!(
            places.iter().map(|p| p.moment).collect::<Vec<_>>(),
            [Some(1), Some(2), Some(3), Some(4)]
        );
        assert_eq!(spread(&[source(3, 0, 1_000)], Some(&[]), 9, 400), []);
        assert_eq!(spread(&[source(0, 0, 1_000)], None, 9, 400), []);
    }
}
