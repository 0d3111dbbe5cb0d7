//! How far a job was at one moment.

use workflow_graph::Json;

use super::UnreadableEvent;

/// How far a job was when the process that drives it wrote that down, for all other processes.
///
/// ```
/// use batch::{Advance, Event, State};
/// let advance = Advance { percent: 41.5, nodes_done: 3, nodes_total: 7 };
/// assert_eq!(State::Running.next(&Event::Advanced { advance })?, State::Running);
/// # Ok::<(), batch::IllegalEvent>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// How much of the whole graph was done, from 0 to 100.
    pub percent: f64,
    /// Nodes done or cached.
    pub nodes_done: u32,
    /// Nodes that there are.
    pub nodes_total: u32,
}

impl Advance {
    /// The members of a stored event.
    pub(super) fn members(&self) -> [(&'static str, Json); 3] {
        [
            ("percent", Json::from(self.percent)),
            ("nodes_done", Json::from(u64::from(self.nodes_done))),
            ("nodes_total", Json::from(u64::from(self.nodes_total))),
        ]
    }

    pub(super) fn member_of(event: &Json) -> Result<Self, UnreadableEvent> {
        let percent = event.get("percent").and_then(Json::as_f64);
        let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
        let number = |member: &'static str| {
            let number = event.get(member).and_then(Json::as_u64);
            number
                .and_then(|number| u32::try_from(number).ok())
                .ok_or(UnreadableEvent::Member { member, expected: "a whole number" })
        };
        Ok(Self {
            percent: percent.ok_or(UnreadableEvent::Member {
                member: "percent",
                expected: "a number from 0 to 100",
            })?,
            nodes_done: number("nodes_done")?,
            nodes_total: number("nodes_total")?,
        })
    }
}
