//! Where nodes stand: in columns from left to right, so that links lead to the right.

use std::collections::VecDeque;

/// A place in pixels, of the upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: u32,
    pub(super) y: u32,
}

/// The space between columns, where links run.
const COLUMN_GAP: u32 = 90;
/// The space between nodes of a column.
const ROW_GAP: u32 = 24;
/// The space around everything.
pub(super) const MARGIN: u32 = 24;
/// How often columns are sorted by their neighbors; more changes little.
const SWEEPS: usize = 4;

/// The height of the lane that a link has where it passes a column.
const LANE: u32 = 6;
/// How many columns a link may pass in lanes of its own, and how many lanes there may be. What
/// goes beyond runs straight: a graph made by a program could ask for millions.
const COLUMNS_PASSED_MAX: usize = 24;
const LANES_MAX: usize = 20_000;

/// Where everything stands.
pub(super) struct Layout {
    /// The upper left corner of each node.
    pub(super) points: Vec<Point>,
    /// For each link the lanes that it passes: where it enters the column, from left to right.
    pub(super) lanes: Vec<Vec<Point>>,
}

/// Places nodes of one width and these heights. Nodes never overlap.
pub(super) fn place(width: u32, heights: &[u32], links: &[(usize, usize)]) -> Layout {
    let count = heights.len();
    let columns = columns(&Neighbors::new(count, links), count);
    let mut graph = Graph { heights: heights.to_vec(), columns, links: Vec::new() };
    let lanes: Vec<Vec<usize>> = links.iter().map(|link| graph.add_link(*link)).collect();
    let points = graph.points(width);
    let lane = |node: &usize| {
        let Point { x, y } = points.get(*node).copied()?;
        Some(Point { x, y: y.saturating_add(LANE / 2) })
    };
    let lanes = lanes.iter().map(|nodes| nodes.iter().filter_map(lane).collect()).collect();
    Layout { points: points.into_iter().take(count).collect(), lanes }
}

/// Nodes and lanes, which stand in columns like nodes.
struct Graph {
    heights: Vec<u32>,
    columns: Vec<usize>,
    links: Vec<(usize, usize)>,
}

impl Graph {
    /// Adds a link in pieces from column to column, and returns the lanes between them.
    fn add_link(&mut self, (from, to): (usize, usize)) -> Vec<usize> {
        let column = |node: usize| self.columns.get(node).copied().unwrap_or_default();
        let passed = column(from) + 1..column(to);
        let is_too_long = passed.len() > COLUMNS_PASSED_MAX || self.heights.len() > LANES_MAX;
        let mut lanes = Vec::new();
        let mut last = from;
        for column in passed.filter(|_| !is_too_long) {
            let lane = self.heights.len();
            self.heights.push(LANE);
            self.columns.push(column);
            self.links.push((last, lane));
            lanes.push(lane);
            last = lane;
        }
        self.links.push((last, to));
        lanes
    }

    fn points(&self, width: u32) -> Vec<Point> {
        let heights = &self.heights;
        let neighbors = Neighbors::new(heights.len(), &self.links);
        let last = self.columns.iter().max().map_or(0, |last| last + 1);
        let mut columns = vec![Vec::new(); last];
        for (node, column) in self.columns.iter().enumerate() {
            if let Some(nodes) = columns.get_mut(*column) {
                nodes.push(node);
            }
        }
        let mut points = vec![Point::default(); heights.len()];
        for (column, nodes) in (0_u32..).zip(sorted_columns(columns, &neighbors)) {
            let x = column.saturating_mul(width + COLUMN_GAP).saturating_add(MARGIN);
            let mut next = MARGIN;
            for node in nodes {
                let height = heights.get(node).copied().unwrap_or_default();
                let wanted = middle_of_sources(&neighbors, heights, &points, node);
                let y = wanted.saturating_sub(height / 2).max(next);
                if let Some(point) = points.get_mut(node) {
                    *point = Point { x, y };
                }
                let gap = if height == LANE { LANE } else { ROW_GAP };
                next = y.saturating_add(height).saturating_add(gap);
            }
        }
        points
    }
}

/// Who is linked with whom, by number.
struct Neighbors {
    sources: Vec<Vec<usize>>,
    consumers: Vec<Vec<usize>>,
}

impl Neighbors {
    fn new(count: usize, links: &[(usize, usize)]) -> Self {
        let mut neighbors =
            Self { sources: vec![Vec::new(); count], consumers: vec![Vec::new(); count] };
        for (from, to) in links {
            if let Some(sources) = neighbors.sources.get_mut(*to) {
                sources.push(*from);
            }
            if let Some(consumers) = neighbors.consumers.get_mut(*from) {
                consumers.push(*to);
            }
        }
        neighbors
    }

    fn sources(&self, node: usize) -> &[usize] {
        self.sources.get(node).map_or(&[], Vec::as_slice)
    }

    fn consumers(&self, node: usize) -> &[usize] {
        self.consumers.get(node).map_or(&[], Vec::as_slice)
    }
}

/// The column of each node: every node right of all it is linked from, and no further left
/// of what is linked from it than it must be. Circles stand where they are entered.
fn columns(neighbors: &Neighbors, count: usize) -> Vec<usize> {
    let mut missing: Vec<usize> = (0..count).map(|node| neighbors.sources(node).len()).collect();
    let mut ready: VecDeque<usize> =
        (0..count).filter(|node| neighbors.sources(*node).is_empty()).collect();
    let mut column = vec![0_usize; count];
    let mut ordered = Vec::with_capacity(count);
    while let Some(node) = ready.pop_front() {
        ordered.push(node);
        let next = column.get(node).copied().unwrap_or_default() + 1;
        for consumer in neighbors.consumers(node) {
            if let Some(column) = column.get_mut(*consumer) {
                *column = next.max(*column);
            }
            if let Some(left) = missing.get_mut(*consumer) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push_back(*consumer);
                }
            }
        }
    }
    for node in ordered.iter().rev() {
        let of = |consumer: &usize| column.get(*consumer).copied();
        let nearest = neighbors.consumers(*node).iter().filter_map(of).min();
        if let (Some(nearest), Some(own)) = (nearest, column.get_mut(*node)) {
            *own = nearest.saturating_sub(1).max(*own);
        }
    }
    column
}

/// Sorts each column by the middle of the neighbors to the left, then to the right, in turns.
fn sorted_columns(mut columns: Vec<Vec<usize>>, neighbors: &Neighbors) -> Vec<Vec<usize>> {
    let count = columns.iter().map(Vec::len).sum();
    let mut rank = vec![0_u64; count];
    let set_ranks = |rank: &mut Vec<u64>, nodes: &[usize]| {
        for (place, node) in (0_u64..).zip(nodes) {
            if let Some(rank) = rank.get_mut(*node) {
                *rank = place * RANK_STEP;
            }
        }
    };
    for nodes in &columns {
        set_ranks(&mut rank, nodes);
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let order: Vec<usize> =
            if forward { (0..columns.len()).collect() } else { (0..columns.len()).rev().collect() };
        for column in order {
            let Some(nodes) = columns.get_mut(column) else { continue };
            let middle = |node: &usize| {
                let linked =
                    if forward { neighbors.sources(*node) } else { neighbors.consumers(*node) };
                let ranks = linked.iter().filter_map(|other| rank.get(*other));
                let sum: u64 = ranks.sum();
                let own = || rank.get(*node).copied().unwrap_or_default();
                sum.checked_div(u64::try_from(linked.len()).unwrap_or(1)).unwrap_or_else(own)
            };
            nodes.sort_by_cached_key(middle);
            set_ranks(&mut rank, nodes);
        }
    }
    columns
}

/// Ranks are spread so that the middle of two is not one of them.
const RANK_STEP: u64 = 1024;

/// The height at which what a node is linked from stands.
fn middle_of_sources(neighbors: &Neighbors, heights: &[u32], points: &[Point], node: usize) -> u32 {
    let middle = |source: &usize| {
        let point = points.get(*source)?;
        Some(u64::from(point.y) + u64::from(heights.get(*source)? / 2))
    };
    let sources: Vec<u64> = neighbors.sources(node).iter().filter_map(middle).collect();
    let count = u64::try_from(sources.len()).unwrap_or(1);
    let middle = sources.iter().sum::<u64>().checked_div(count);
    middle.and_then(|middle| u32::try_from(middle).ok()).unwrap_or(MARGIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: u32 = 100;

    fn overlap(one: (Point, u32), other: (Point, u32)) -> bool {
        one.0.x.abs_diff(other.0.x) < WIDTH
            && one.0.y < other.0.y + other.1
            && other.0.y < one.0.y + one.1
    }

    proptest! {
        #[test]
        fn nodes_do_not_overlap_and_every_link_has_its_lanes(
            heights in proptest::collection::vec(20_u32..200, 1..14),
            links in proptest::collection::vec((0_usize..14, 0_usize..14), 0..30),
        ) {
            let count = heights.len();
            let links: Vec<_> =
                links.into_iter().map(|(from, to)| (from % count, to % count)).collect();
            let layout = place(WIDTH, &heights, &links);
            prop_assert_eq!((layout.points.len(), layout.lanes.len()), (count, links.len()));
            let nodes: Vec<_> = layout.points.iter().copied().zip(heights).collect();
            for (at, one) in nodes.iter().enumerate() {
                for other in &nodes[at + 1..] {
                    prop_assert!(!overlap(*one, *other));
                }
                for lane in layout.lanes.iter().flatten() {
                    prop_assert!(!overlap(*one, (*lane, 1)));
                }
            }
        }
    }

    #[test]
    fn links_lead_to_the_right_and_sources_stand_near() {
        let layout = place(WIDTH, &[50; 4], &[(0, 1), (1, 2), (3, 2), (0, 2)]);
        let columns: Vec<u32> = layout.points.iter().map(|point| point.x).collect();
        assert!(columns[0] < columns[1] && columns[1] < columns[2]);
        assert_eq!(columns[3], columns[1]);
        assert_eq!(layout.lanes.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 0, 1]);
    }
}
