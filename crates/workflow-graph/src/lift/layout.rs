//! Where nodes stand: in columns, each to the right of everything that it takes from.

use std::collections::VecDeque;

/// Between columns.
const COLUMN_GAP: u64 = 80;

/// Between nodes of a column, the title of the lower one included: titles stand above.
const ROW_GAP: u64 = 70;

/// The size of a node, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) width: u64,
    pub(super) height: u64,
}

/// The upper left corner of each node, below its title. `sources` are the nodes that each takes
/// from. Nodes in a circle come after all others.
pub(super) fn place(sizes: &[Size], sources: &[&[usize]]) -> Vec<(u64, u64)> {
    let columns = columns(sources);
    let mut places = vec![(0, 0); sizes.len()];
    let mut x = 0;
    for mut column in columns {
        column.sort_by_key(|node| height_of_sources(*node, sources, &places));
        let mut y = ROW_GAP;
        let mut width = 0;
        for node in column {
            let Some(size) = sizes.get(node) else { continue };
            if let Some(place) = places.get_mut(node) {
                *place = (x, y);
            }
            y += size.height + ROW_GAP;
            width = width.max(size.width);
        }
        x += width + COLUMN_GAP;
    }
    places
}

/// The nodes by column: the length of the longest way that leads to them.
fn columns(sources: &[&[usize]]) -> Vec<Vec<usize>> {
    let mut targets: Vec<Vec<usize>> = vec![Vec::new(); sources.len()];
    let mut waiting: Vec<usize> = sources.iter().map(|sources| sources.len()).collect();
    for (node, sources) in sources.iter().enumerate() {
        for source in *sources {
            if let Some(targets) = targets.get_mut(*source) {
                targets.push(node);
            }
        }
    }
    let mut column = vec![0_usize; sources.len()];
    let mut placed = vec![false; sources.len()];
    let free = |(node, count): (usize, &usize)| (*count == 0).then_some(node);
    let mut ready: VecDeque<usize> = waiting.iter().enumerate().filter_map(free).collect();
    let mut columns: Vec<Vec<usize>> = Vec::new();
    while let Some(node) = ready.pop_front() {
        let at = column.get(node).copied().unwrap_or(0);
        put(&mut columns, at, node);
        if let Some(placed) = placed.get_mut(node) {
            *placed = true;
        }
        for target in targets.get(node).into_iter().flatten() {
            if let (Some(column), Some(waiting)) =
                (column.get_mut(*target), waiting.get_mut(*target))
            {
                *column = (*column).max(at + 1);
                *waiting -= 1;
                if *waiting == 0 {
                    ready.push_back(*target);
                }
            }
        }
    }
    let last = columns.len();
    let circling = placed.iter().enumerate().filter(|(_, placed)| !**placed);
    for (node, _) in circling {
        put(&mut columns, last, node);
    }
    columns
}

fn put(columns: &mut Vec<Vec<usize>>, at: usize, node: usize) {
    if columns.len() <= at {
        columns.resize_with(at + 1, Vec::new);
    }
    if let Some(column) = columns.get_mut(at) {
        column.push(node);
    }
}

/// The mean height of what a node takes from, so that links run level.
fn height_of_sources(node: usize, sources: &[&[usize]], places: &[(u64, u64)]) -> u64 {
    let sources = sources.get(node).copied().unwrap_or_default();
    let heights = sources.iter().filter_map(|source| places.get(*source)).map(|(_, y)| *y);
    let count = u64::try_from(sources.len()).unwrap_or(u64::MAX).max(1);
    heights.fold(0, u64::saturating_add) / count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Size, place};

    fn overlaps(one: ((u64, u64), Size), other: ((u64, u64), Size)) -> bool {
        let apart = |a: u64, a_size: u64, b: u64, b_size: u64| a + a_size <= b || b + b_size <= a;
        let ((x, y), size) = one;
        let ((other_x, other_y), other_size) = other;
        !apart(x, size.width, other_x, other_size.width)
            && !apart(y, size.height, other_y, other_size.height)
    }

    proptest! {
        #[test]
        fn no_node_stands_on_another(
            nodes in prop::collection::vec(
                ((100_u64..500, 30_u64..900), prop::collection::vec(0_usize..30, 0..4)), 1..30),
        ) {
            let sizes: Vec<Size> =
                nodes.iter().map(|((width, height), _)| Size { width: *width, height: *height }).collect();
            let sources: Vec<Vec<usize>> = nodes
                .iter()
                .map(|(_, sources)| sources.iter().copied().filter(|at| *at < nodes.len()).collect())
                .collect();
            let sources: Vec<&[usize]> = sources.iter().map(Vec::as_slice).collect();
            let places = place(&sizes, &sources);
            for one in 0..places.len() {
                for other in 0..one {
                    prop_assert!(!overlaps((places[one], sizes[one]), (places[other], sizes[other])));
                }
            }
        }
    }

    #[test]
    fn what_gives_stands_left_of_what_takes() {
        let size = Size { width: 300, height: 100 };
        let places = place(&[size; 3], &[&[1], &[2], &[]]);
        assert!(places[2].0 < places[1].0 && places[1].0 < places[0].0);
    }
}
