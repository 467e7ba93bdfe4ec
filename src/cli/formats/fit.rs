//! Fitting a table into a screen: which columns are shown, and how wide.

/// A column is not made narrower than this while others can be left out.
pub(super) const NARROWEST: usize = 8;

/// What stands in one place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A column of the result.
    Column {
        /// Which one.
        index: usize,
        /// How wide its cells are.
        width: usize,
    },
    /// The mark of columns that are left out.
    Gap,
}

/// What a frame adds to the widths of columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Per column.
    pub(super) each: usize,
    /// Less or more than that in all.
    pub(super) once: isize,
}

impl Frame {
    fn width(self, columns: usize) -> usize {
        (columns * self.each).saturating_add_signed(self.once)
    }
}

/// All columns, none narrower than `floor` unless it needs less; none if they do not fit.
pub(super) fn whole(natural: &[usize], frame: Frame, screen: usize, floor: usize) -> Option<Vec<Slot>> {
    let room = screen.checked_sub(frame.width(natural.len()))?;
    let least: usize = natural.iter().map(|width| (*width).min(floor)).sum();
    (least <= room).then(|| {
        let widths = shrunk(natural, room);
        widths.into_iter().enumerate().map(|(index, width)| Slot::Column { index, width }).collect()
    })
}

/// As many columns as fit, from both ends, with a gap for those in the middle.
pub(super) fn thinned(natural: &[usize], frame: Frame, screen: usize) -> Vec<Slot> {
    let count = natural.len();
    let least = |index: usize| natural.get(index).map_or(0, |width| (*width).min(NARROWEST));
    let (mut front, mut back, mut used) = (0, 0, 1);
    while front + back < count {
        let next = if front <= back { front } else { count - 1 - back };
        let wider = used + least(next);
        if wider + frame.width(front + back + 2) > screen {
            break;
        }
        used = wider;
        if front <= back { front += 1 } else { back += 1 }
    }
    // However narrow the screen is, something is shown.
    front = front.max(1);
    let kept: Vec<usize> = (0..front).chain(count - back..count).collect();
    let slots = kept.len() + usize::from(kept.len() < count);
    let room = screen.saturating_sub(frame.width(slots) + slots - kept.len()).max(kept.len());
    let wanted: Vec<usize> = kept.iter().filter_map(|index| natural.get(*index).copied()).collect();
    let widths = shrunk(&wanted, room);
    let mut shown: Vec<Slot> =
        kept.into_iter().zip(widths).map(|(index, width)| Slot::Column { index, width }).collect();
    if shown.len() < count {
        shown.insert(front, Slot::Gap);
    }
    shown
}

/// Widths that add up to at most `room`: the widest columns give first.
fn shrunk(natural: &[usize], room: usize) -> Vec<usize> {
    let mut sorted = natural.to_vec();
    sorted.sort_unstable();
    let mut left = room;
    let mut cap = usize::MAX;
    for (done, width) in sorted.iter().enumerate() {
        let share = left / (sorted.len() - done);
        if *width > share {
            cap = share;
            break;
        }
        left -= width;
    }
    let mut widths: Vec<usize> = natural.iter().map(|width| (*width).min(cap)).collect();
    let mut spare = room.saturating_sub(widths.iter().sum());
    for (width, wanted) in widths.iter_mut().zip(natural) {
        if spare > 0 && *width < *wanted {
            *width += 1;
            spare -= 1;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;

    const BOXED: Frame = Frame { each: 3, once: 1 };

    fn widths(slots: &[Slot]) -> Vec<usize> {
        slots.iter().map(|slot| if let Slot::Column { width, .. } = slot { *width } else { 0 }).collect()
    }

    #[test]
    fn the_widest_columns_give_first() {
        for (natural, screen, expected) in [
            (vec![5, 5], 80, Some(vec![5, 5])),
            (vec![5, 5], 17, Some(vec![5, 5])),
            (vec![5, 50], 37, Some(vec![5, 25])),
            (vec![5, 50, 40], 60, Some(vec![5, 23, 22])),
            (vec![5, 50], 20, Some(vec![5, 8])),
            (vec![5, 50], 19, None),
            (vec![50], 12, Some(vec![8])),
            (vec![], 5, Some(vec![])),
            (vec![1], 2, None),
        ] {
            let fitted = whole(&natural, BOXED, screen, NARROWEST);
            assert_eq!(fitted.as_deref().map(widths), expected, "{natural:?} in {screen}");
        }
    }

    #[test]
    fn columns_in_the_middle_are_left_out() {
        let slots = thinned(&[20; 5], BOXED, 40);
        let column = |index, width| Slot::Column { index, width };
        assert_eq!(slots, [column(0, 9), column(1, 9), Slot::Gap, column(4, 8)]);
        for (natural, screen) in [(vec![20; 10], 80), (vec![20; 10], 16), (vec![20; 10], 1), (vec![3; 1000], 40)] {
            let slots = thinned(&natural, BOXED, screen);
            let shown: usize = widths(&slots).iter().sum::<usize>() + 1 + 3 * slots.len() + 1;
            assert!(slots.contains(&Slot::Gap) && slots[0] == column(0, widths(&slots)[0]), "{slots:?}");
            // The least of all is one character, the mark, and the frame around them.
            assert!(shown <= screen.max(9), "{slots:?} is {shown} wide in {screen}");
        }
    }
}
