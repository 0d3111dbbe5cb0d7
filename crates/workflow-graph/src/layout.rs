//! Where nodes stand: in columns from left to right, so that links lead to the right.

use std::collections::VecDeque;

/// A place in pixels, of the upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) x: u32,
    pub(crate) y: u32,
}

/// The size of a node in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// How much is left free, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spacing {
    /// Around everything.
    pub(crate) margin: u32,
    /// Between columns, where links run.
    pub(crate) columns: u32,
    /// Between nodes of a column.
    pub(crate) rows: u32,
}

/// How often columns are sorted by their neighbors, and how often they are moved towards them;
/// more changes little.
const SORTS: usize = 4;
const MOVES: usize = 8;

/// The height of the lane that a link has where it passes a column.
const LANE: u32 = 6;
/// How many columns a link may pass in lanes of its own, and how many lanes there may be. What
/// goes beyond runs straight: a graph made by a program could ask for millions.
const COLUMNS_PASSED_MAX: usize = 24;
const LANES_MAX: usize = 20_000;
/// How much more a lane draws towards its neighbors than a node: a bent link is hard to follow.
const LANE_WEIGHT: i64 = 4;
/// How far below the top of a node most of its links begin and end.
const LINKS_BELOW_TOP: u32 = 40;

/// Where everything stands.
pub(crate) struct Layout {
    /// The upper left corner of each node.
    pub(crate) points: Vec<Point>,
    /// For each link the lanes that it passes: where it enters the column, from left to right.
    pub(crate) lanes: Vec<Vec<Point>>,
}

/// Places nodes of these sizes. Nodes never overlap.
pub(crate) fn place(sizes: &[Size], links: &[(usize, usize)], spacing: Spacing) -> Layout {
    let count = sizes.len();
    let columns = columns(&Neighbors::new(count, links), count);
    let mut graph = Graph { sizes: sizes.to_vec(), columns, links: Vec::new() };
    let lanes: Vec<Vec<usize>> = links.iter().map(|link| graph.add_link(*link)).collect();
    let points = graph.points(spacing);
    let lane = |node: &usize| {
        let Point { x, y } = points.get(*node).copied()?;
        Some(Point { x, y: y.saturating_add(LANE / 2) })
    };
    let lanes = lanes.iter().map(|nodes| nodes.iter().filter_map(lane).collect()).collect();
    Layout { points: points.into_iter().take(count).collect(), lanes }
}

/// Nodes and lanes, which stand in columns like nodes.
struct Graph {
    sizes: Vec<Size>,
    columns: Vec<usize>,
    links: Vec<(usize, usize)>,
}

impl Graph {
    /// Adds a link in pieces from column to column, and returns the lanes between them.
    fn add_link(&mut self, (from, to): (usize, usize)) -> Vec<usize> {
        let column = |node: usize| self.columns.get(node).copied().unwrap_or_default();
        let passed = column(from) + 1..column(to);
        let is_too_long = passed.len() > COLUMNS_PASSED_MAX || self.sizes.len() > LANES_MAX;
        let mut lanes = Vec::new();
        let mut last = from;
        for column in passed.filter(|_| !is_too_long) {
            let lane = self.sizes.len();
            self.sizes.push(Size { width: 0, height: LANE });
            self.columns.push(column);
            self.links.push((last, lane));
            lanes.push(lane);
            last = lane;
        }
        self.links.push((last, to));
        lanes
    }

    fn points(&self, spacing: Spacing) -> Vec<Point> {
        let neighbors = Neighbors::new(self.sizes.len(), &self.links);
        let last = self.columns.iter().max().map_or(0, |last| last + 1);
        let mut columns = vec![Vec::new(); last];
        for (node, column) in self.columns.iter().enumerate() {
            if let Some(nodes) = columns.get_mut(*column) {
                nodes.push(node);
            }
        }
        let columns = sorted_columns(columns, &neighbors);
        let tops = Rows::new(&self.sizes, &columns, spacing.rows).moved(&neighbors);
        let highest = tops.iter().min().copied().unwrap_or_default();
        let mut points = vec![Point::default(); self.sizes.len()];
        let mut x = spacing.margin;
        for nodes in &columns {
            for node in nodes {
                let top = tops.get(*node).copied().unwrap_or_default().saturating_sub(highest);
                let y = u32::try_from(top).unwrap_or(u32::MAX).saturating_add(spacing.margin);
                if let Some(point) = points.get_mut(*node) {
                    *point = Point { x, y };
                }
            }
            let widths = nodes.iter().filter_map(|node| self.sizes.get(*node));
            let width = widths.map(|size| size.width).max().unwrap_or_default();
            x = x.saturating_add(width).saturating_add(spacing.columns);
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
    for sweep in 0..SORTS {
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

/// The heights at which nodes stand, while they are moved.
struct Rows<'a> {
    sizes: &'a [Size],
    columns: &'a [Vec<usize>],
    gap: u32,
    tops: Vec<i64>,
}

/// Nodes of a column that touch and so move as one.
struct Block {
    /// The sum of the heights at which they would like the column to begin, by weight.
    wanted: i64,
    weight: i64,
    count: usize,
}

impl Block {
    fn top(&self) -> i64 {
        self.wanted.div_euclid(self.weight)
    }
}

impl<'a> Rows<'a> {
    /// Each column from the top down without holes.
    fn new(sizes: &'a [Size], columns: &'a [Vec<usize>], gap: u32) -> Self {
        let mut tops = Self { sizes, columns, gap, tops: vec![0; sizes.len()] };
        for column in columns {
            let mut next = 0;
            for node in column {
                tops.set(*node, next);
                next += tops.room(*node);
            }
        }
        tops
    }

    /// Moves every column towards its neighbors to the left, then to the right, in turns, and at
    /// last towards both.
    fn moved(mut self, neighbors: &Neighbors) -> Vec<i64> {
        for turn in 0..MOVES {
            let columns = self.columns.iter();
            if turn % 2 == 0 {
                columns.for_each(|column| self.fit(column, |node| [neighbors.sources(node), &[]]));
            } else {
                let columns = columns.rev();
                columns
                    .for_each(|column| self.fit(column, |node| [neighbors.consumers(node), &[]]));
            }
        }
        for column in self.columns {
            self.fit(column, |node| [neighbors.sources(node), neighbors.consumers(node)]);
        }
        self.tops
    }

    /// Moves the nodes of a column as near to what they are linked with as their order lets
    /// them: the sum of the squared distances is the least there is.
    fn fit<'n>(&mut self, column: &[usize], linked: impl Fn(usize) -> [&'n [usize]; 2]) {
        let mut blocks: Vec<Block> = Vec::with_capacity(column.len());
        let mut above = 0_i64;
        for node in column {
            let weight = if self.height(*node) == LANE { LANE_WEIGHT } else { 1 };
            let wanted = self.wanted(*node, linked(*node)).saturating_sub(above);
            let mut block = Block { wanted: wanted.saturating_mul(weight), weight, count: 1 };
            while let Some(before) = blocks.pop_if(|before| before.top() > block.top()) {
                block.wanted = block.wanted.saturating_add(before.wanted);
                block.weight += before.weight;
                block.count += before.count;
            }
            blocks.push(block);
            above = above.saturating_add(self.room(*node));
        }
        let begins = blocks.iter().flat_map(|block| std::iter::repeat_n(block.top(), block.count));
        let mut above = 0_i64;
        for (node, begin) in column.iter().zip(begins) {
            self.set(*node, begin.saturating_add(above));
            above = above.saturating_add(self.room(*node));
        }
    }

    /// The top that would bring the links of a node level, on average.
    fn wanted(&self, node: usize, linked: [&[usize]; 2]) -> i64 {
        let own = self.top(node);
        let level = |other: &usize| self.top(*other).saturating_add(self.links_below_top(*other));
        let (mut sum, mut count) = (0_i64, 0_i64);
        for other in linked.into_iter().flatten() {
            sum = sum.saturating_add(level(other));
            count += 1;
        }
        sum.checked_div(count).map_or(own, |level| level.saturating_sub(self.links_below_top(node)))
    }

    fn links_below_top(&self, node: usize) -> i64 {
        (self.height(node) / 2).min(LINKS_BELOW_TOP).into()
    }

    /// What a node takes of its column, with the gap below it.
    fn room(&self, node: usize) -> i64 {
        let height = self.height(node);
        i64::from(height) + i64::from(if height == LANE { LANE } else { self.gap })
    }

    fn height(&self, node: usize) -> u32 {
        self.sizes.get(node).map_or(0, |size| size.height)
    }

    fn top(&self, node: usize) -> i64 {
        self.tops.get(node).copied().unwrap_or_default()
    }

    fn set(&mut self, node: usize, top: i64) {
        if let Some(own) = self.tops.get_mut(node) {
            *own = top;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPACING: Spacing = Spacing { margin: 24, columns: 90, rows: 24 };

    fn overlap(one: (Point, Size), other: (Point, Size)) -> bool {
        let apart = |one: u32, size: u32, other: u32, other_size: u32| {
            one + size <= other || other + other_size <= one
        };
        !apart(one.0.x, one.1.width, other.0.x, other.1.width)
            && !apart(one.0.y, one.1.height, other.0.y, other.1.height)
    }

    proptest! {
        #[test]
        fn nodes_do_not_overlap_and_every_link_has_its_lanes(
            sizes in proptest::collection::vec((30_u32..500, 20_u32..900), 1..14),
            links in proptest::collection::vec((0_usize..14, 0_usize..14), 0..30),
        ) {
            let sizes: Vec<Size> =
                sizes.into_iter().map(|(width, height)| Size { width, height }).collect();
            let count = sizes.len();
            let links: Vec<_> =
                links.into_iter().map(|(from, to)| (from % count, to % count)).collect();
            let layout = place(&sizes, &links, SPACING);
            prop_assert_eq!((layout.points.len(), layout.lanes.len()), (count, links.len()));
            let nodes: Vec<_> = layout.points.iter().copied().zip(sizes).collect();
            for (at, one) in nodes.iter().enumerate() {
                for other in &nodes[at + 1..] {
                    prop_assert!(!overlap(*one, *other));
                }
                let dot = Size { width: 1, height: 1 };
                for lane in layout.lanes.iter().flatten() {
                    prop_assert!(!overlap(*one, (*lane, dot)));
                }
            }
        }
    }

    #[test]
    fn links_lead_to_the_right_and_sources_stand_near() {
        let size = Size { width: 100, height: 50 };
        let layout = place(&[size; 4], &[(0, 1), (1, 2), (3, 2), (0, 2)], SPACING);
        let columns: Vec<u32> = layout.points.iter().map(|point| point.x).collect();
        assert!(columns[0] < columns[1] && columns[1] < columns[2]);
        assert_eq!(columns[3], columns[1]);
        assert_eq!(layout.lanes.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 0, 1]);
    }

    #[test]
    fn what_is_linked_stands_level() {
        let size = |height| Size { width: 100, height };
        let sizes = [size(50), size(300), size(50), size(50)];
        let layout = place(&sizes, &[(0, 2), (1, 3)], SPACING);
        let tops: Vec<u32> = layout.points.iter().map(|point| point.y).collect();
        assert_eq!(tops[0], tops[2]);
        assert!(tops[1].abs_diff(tops[3]) <= LINKS_BELOW_TOP);
    }
}
