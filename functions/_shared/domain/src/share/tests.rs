//! Tables of who gets what.

use super::*;

fn claimant((priority, wants): (u8, u32)) -> Claimant {
    Claimant {
        priority,
        wants,
        most: wants,
    }
}

#[test]
fn the_table_of_shares() {
    // Capacity, (priority, wants) of each, turn, and what each gets.
    type Row = (u32, &'static [(u8, u32)], u64, &'static [u32]);
    let rows: [Row; 14] = [
        // Enough for all.
        (100, &[(9, 10), (5, 10), (1, 10)], 0, &[10, 10, 10]),
        // By priority, but for a tenth.
        (100, &[(9, 500), (5, 500), (1, 500)], 0, &[90, 5, 5]),
        (100, &[(9, 50), (5, 500), (1, 500)], 0, &[50, 45, 5]),
        (100, &[(1, 500), (9, 500)], 0, &[10, 90]),
        // Who wants little of the tenth leaves it to the others.
        (100, &[(9, 500), (5, 2), (1, 500)], 0, &[90, 2, 8]),
        // Equals share evenly, and what cannot be divided goes round.
        (100, &[(5, 500), (5, 500)], 0, &[50, 50]),
        (5, &[(5, 9), (5, 9)], 0, &[3, 2]),
        (5, &[(5, 9), (5, 9)], 1, &[2, 3]),
        (100, &[(5, 10), (5, 500), (5, 500)], 0, &[10, 45, 45]),
        // Nobody below, nothing kept.
        (100, &[(9, 500)], 0, &[100]),
        (100, &[(9, 500), (5, 0)], 0, &[100, 0]),
        // A small account keeps one in ten turns.
        (1, &[(9, 5), (1, 5)], 0, &[1, 0]),
        (1, &[(9, 5), (1, 5)], 9, &[0, 1]),
        (0, &[(9, 5), (1, 5)], 9, &[0, 0]),
    ];
    for (capacity, of, turn, gets) in rows {
        let claimants: Vec<_> = of.iter().copied().map(claimant).collect();
        assert_eq!(
            share(capacity, &claimants, turn),
            gets,
            "{capacity} among {of:?}, turn {turn}"
        );
    }
}

#[test]
fn over_ten_turns_nobody_starves_however_small_the_account() {
    for capacity in 1..=12 {
        let claimants = [(9, 1_000), (5, 1_000)].map(claimant);
        let mut sums = [0; 2];
        for turn in 30..40 {
            let parts = share(capacity, &claimants, turn);
            assert_eq!(parts.iter().sum::<u32>(), capacity);
            sums = [sums[0] + parts[0], sums[1] + parts[1]];
        }
        assert_eq!(sums, [capacity * 9, capacity]);
    }
}

#[test]
fn what_nobody_wants_is_spare_and_shared_up_to_what_each_could_use() {
    let busy = Claimant {
        priority: 9,
        wants: 10,
        most: 20,
    };
    let idle = Claimant {
        priority: 1,
        wants: 0,
        most: 50,
    };
    assert_eq!(share(100, &[busy, idle], 0), [20, 50]);
    assert_eq!(share(30, &[busy, idle], 0), [20, 10], "what is wanted comes first");
    assert_eq!(share(10, &[busy, idle], 0), [10, 0]);
}

#[test]
fn no_sixty_seconds_have_more_moments_than_the_rate() {
    for (rate, parts) in [
        (10, vec![9, 1]),
        (60, vec![30, 20, 10]),
        (600, vec![400, 1]),
        (7, vec![3, 3]),
        (1, vec![1]),
    ] {
        let moments = moments(rate, &parts);
        assert_eq!(
            moments.iter().map(Vec::len).collect::<Vec<_>>(),
            parts.iter().map(|p| *p as usize).collect::<Vec<_>>()
        );
        let mut all: Vec<u32> = moments.into_iter().flatten().collect();
        all.sort_unstable();
        let gap = 60_000 / rate;
        assert!(
            all.windows(2).all(|pair| pair[1] - pair[0] >= gap),
            "{rate} {parts:?}: {all:?}"
        );
        assert!(
            all.iter().all(|at| *at <= 60_000 - gap),
            "the next minute's row goes on at the same distance"
        );
    }
    assert_eq!(moments(5, &[9]), [Vec::<u32>::new()], "more than the rate is nobody's");
}

const fn lines(max: u32, held: u32, granted: u32) -> Lines {
    Lines {
        max,
        held,
        granted,
        is_wanted: true,
    }
}

fn of(priority: u8, due: u32, items: &[Lines]) -> LinesOf {
    LinesOf {
        priority,
        due,
        is_open: true,
        items: items.to_vec(),
    }
}

#[test]
fn lines_move_to_who_may_have_them_without_ever_being_too_many() {
    let fresh = [
        of(9, 500, &[lines(12, 0, 0), lines(8, 0, 0)]),
        of(1, 500, &[lines(12, 0, 0)]),
    ];
    assert_eq!(grant_lines(20, &fresh, 0), [vec![10, 8], vec![2]]);
    // The low one had everything, and talks: nothing is taken from it, and what ends is not refilled beyond its part.
    let moving = [
        of(9, 500, &[lines(12, 0, 0)]),
        of(1, 500, &[lines(12, 12, 12), lines(8, 8, 8)]),
    ];
    assert_eq!(grant_lines(20, &moving, 0), [vec![0], vec![4, 4]]);
    // A minute later five calls have ended.
    let moved = [
        of(9, 500, &[lines(12, 0, 0)]),
        of(1, 500, &[lines(12, 9, 4), lines(8, 6, 4)]),
    ];
    assert_eq!(grant_lines(20, &moved, 0), [vec![5], vec![4, 4]]);
    // A paused campaign's calls count until they end.
    let mut paused = moved.clone();
    paused[1].is_open = false;
    assert_eq!(grant_lines(20, &paused, 0), [vec![5], vec![0, 0]]);
    // A limit that was lowered under what is taken takes nothing away.
    assert_eq!(grant_lines(4, &moved, 0), [vec![0], vec![0, 0]]);
    // Lines go where leads wait; fewer lines than parts of the queue go round.
    let mut sharded = of(5, 500, &[lines(12, 0, 0); 3]);
    sharded.items[1].is_wanted = false;
    assert_eq!(grant_lines(10, &[sharded.clone()], 0), [[5, 0, 5]]);
    sharded.items[1].is_wanted = true;
    let granted: Vec<_> = (0..3)
        .map(|turn| grant_lines(1, &[sharded.clone()], turn * FEW_STAY).remove(0))
        .collect();
    assert_eq!(granted, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
}

/// Ten thousand minutes of calls that come and end at random: whatever is granted and taken, the limit holds, also while
/// somebody still takes what the minute before granted.
#[test]
fn taken_lines_are_never_more_than_the_limit() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut dice = |upto: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state % (u64::from(upto) + 1)).unwrap()
    };
    let limit = 30;
    let mut campaigns: Vec<LinesOf> = [9, 5, 5, 1]
        .map(|priority| of(priority, 0, &[lines(12, 0, 0), lines(12, 0, 0)]))
        .to_vec();
    let mut served = [0_u64; 4];
    for minute in 0..10_000 {
        for campaign in &mut campaigns {
            campaign.due = dice(40);
            campaign.is_open = dice(9) > 0;
            for item in &mut campaign.items {
                item.held -= dice(item.held);
            }
        }
        let granted = grant_lines(limit, &campaigns, minute);
        for (n, (campaign, granted)) in campaigns.iter_mut().zip(granted).enumerate() {
            for (item, now) in campaign.items.iter_mut().zip(granted) {
                // A slow one takes what the minute before granted, a quick one what this minute grants.
                let before = item.held;
                item.held = before.max(dice(1) * item.granted.min(item.max)).max(now.min(item.max));
                served[n] += u64::from(item.held - before);
                item.granted = now;
            }
        }
        let taken: u32 = campaigns.iter().map(|campaign| campaign.sum(|item| item.held)).sum();
        assert!(taken <= limit, "minute {minute}: {taken}");
    }
    assert!(served.iter().all(|calls| *calls > 4_000), "nobody starves: {served:?}");
}

/// Two lower priorities behind a hungry one have one line between them: each has it in its turn.
#[test]
fn nobody_starves_behind_two_others_on_a_small_account() {
    let mut granted = vec![0_u32; 3];
    let mut minutes = [0_u32; 3];
    for turn in 0..140 {
        let campaigns: Vec<LinesOf> = [9, 5, 1]
            .into_iter()
            .zip(&granted)
            .map(|(priority, granted)| LinesOf {
                priority,
                due: 60,
                is_open: true,
                items: vec![Lines {
                    max: 20,
                    held: *granted,
                    granted: *granted,
                    is_wanted: true,
                }],
            })
            .collect();
        let parts = grant_lines(10, &campaigns, turn);
        granted = parts.iter().map(|items| items.iter().sum()).collect();
        for (n, lines) in granted.iter().enumerate() {
            minutes[n] += u32::from(*lines > 0);
        }
        assert!(granted.iter().sum::<u32>() <= 10, "{granted:?}");
    }
    assert!(minutes.iter().all(|minutes| *minutes >= 40), "{minutes:?}");
}
