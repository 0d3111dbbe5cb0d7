//! How much memory a server uses while jobs run there.
//!
//! The server is asked now and then, by one task however many jobs run there, and not at all for
//! jobs that are short. What it answers is for whoever reads just then.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use comfy_client::{Error, SystemStats};
use tokio::time::Instant;

use super::{Shared, server::Server};
use crate::MemoryPeak;

/// How long a job has run at least before the server is asked: a short one costs no request.
const SAMPLED_AFTER: Duration = Duration::from_secs(1);

/// The pause between two questions.
const SAMPLE_PAUSE: Duration = Duration::from_secs(2);

/// How long an answer is waited for. A server that loads a model may not answer for a while.
const SAMPLE_PATIENCE: Duration = Duration::from_secs(5);

/// What a server says of its memory, for all that read it.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    readings: Vec<Weak<Seen>>,
    asked_at: Option<Instant>,
    /// Whether a task asks as long as somebody reads.
    is_watched: bool,
}

#[derive(Debug)]
struct Seen {
    since: Instant,
    peak: Mutex<Option<MemoryPeak>>,
}

/// What one job has seen of the memory. It sees no more when it is dropped.
#[derive(Debug)]
pub(super) struct Reading(Arc<Seen>);

impl Reading {
    pub(super) fn peak(&self) -> Option<MemoryPeak> {
        self.0.peak().clone()
    }
}

impl Shared {
    /// Begins to read the memory of a server for a job that runs there.
    pub(super) fn read_memory(self: &Arc<Self>, server: &Arc<Server>) -> Reading {
        let seen = Arc::new(Seen { since: Instant::now(), peak: Mutex::default() });
        let was_watched = {
            let mut state = server.gauge.state();
            state.readings.push(Arc::downgrade(&seen));
            std::mem::replace(&mut state.is_watched, true)
        };
        if !was_watched {
            self.tasks.spawn(watch(Arc::clone(self), Arc::clone(server)));
        }
        Reading(seen)
    }

    /// Asks a server of its memory.
    pub(super) async fn ask(&self, server: &Server) -> Result<(), Error> {
        let asked_at = Instant::now();
        server.gauge.state().asked_at = Some(asked_at);
        let stats = server.client.system_stats().await?;
        server.note_vram(stats.devices.first().and_then(|device| device.vram_free_bytes));
        if let Some(sample) = sample(&stats) {
            server.gauge.note(&sample, asked_at);
        }
        Ok(())
    }
}

/// Asks as long as somebody reads.
async fn watch(shared: Arc<Shared>, server: Arc<Server>) {
    while let Some(at) = server.gauge.next() {
        if at > Instant::now() {
            tokio::select! {
                () = shared.stopping.cancelled() => return,
                () = tokio::time::sleep_until(at) => continue,
            }
        }
        let asked = tokio::select! {
            () = shared.stopping.cancelled() => return,
            asked = tokio::time::timeout(SAMPLE_PATIENCE, shared.ask(&server)) => asked,
        };
        match asked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(server = server.name, %error, "the server does not tell its memory");
            }
            Err(_) => {
                tracing::debug!(
                    server = server.name,
                    "the server does not tell its memory in time"
                );
            }
        }
    }
}

impl Gauge {
    /// When the server is to be asked next; `None`: nobody reads, and whoever begins to do so has
    /// to see to it that somebody asks.
    fn next(&self) -> Option<Instant> {
        let mut state = self.state();
        state.readings.retain(|reading| reading.strong_count() > 0);
        let first = state.readings.iter().filter_map(Weak::upgrade).map(|seen| seen.since).min();
        let Some(first) = first else {
            state.is_watched = false;
            return None;
        };
        let due = first + SAMPLED_AFTER;
        Some(state.asked_at.map_or(due, |asked_at| due.max(asked_at + SAMPLE_PAUSE)))
    }

    /// Gives a sample to those that read since before it was asked for.
    fn note(&self, sample: &MemoryPeak, asked_at: Instant) {
        for seen in self.state().readings.iter().filter_map(Weak::upgrade) {
            if seen.since <= asked_at {
                seen.peak()
                    .get_or_insert_with(|| MemoryPeak { samples: 0, ..sample.clone() })
                    .take_in(sample);
            }
        }
    }

    /// The lock is never held over an await, and the list is whole at every moment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn peak(&self) -> MutexGuard<'_, Option<MemoryPeak>> {
        self.peak.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server says of its first device. What a processor reports as `PyTorch`'s is all memory of
/// the computer.
fn sample(stats: &SystemStats) -> Option<MemoryPeak> {
    let device = stats.devices.first()?;
    let total = device.vram_total_bytes.filter(|total| *total > 0)?;
    let used_bytes = total.checked_sub(device.vram_free_bytes?)?;
    let sample = MemoryPeak { used_bytes, samples: 1, ..MemoryPeak::new(&device.kind, total) };
    let torch = device.torch_vram_total_bytes.zip(device.torch_vram_free_bytes);
    let torch_bytes = torch.and_then(|(held, unused)| held.checked_sub(unused));
    Some(MemoryPeak { torch_bytes: torch_bytes.filter(|_| !sample.is_main_memory()), ..sample })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(used_bytes: u64) -> MemoryPeak {
        MemoryPeak { used_bytes, samples: 1, ..MemoryPeak::new("cuda", 24) }
    }

    fn begin(gauge: &Gauge) -> Reading {
        let seen = Arc::new(Seen { since: Instant::now(), peak: Mutex::default() });
        gauge.state().readings.push(Arc::downgrade(&seen));
        Reading(seen)
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_is_for_all_that_read_since_before_it_was_asked_for() {
        let gauge = Gauge::default();
        let (first, second) = (begin(&gauge), begin(&gauge));
        tokio::time::advance(SAMPLED_AFTER).await;
        let asked_at = Instant::now();
        assert_eq!(gauge.next(), Some(asked_at));
        gauge.state().asked_at = Some(asked_at);
        tokio::time::advance(Duration::from_millis(3)).await;
        let late = begin(&gauge);
        gauge.note(&card(17), asked_at);
        assert_eq!([first.peak(), second.peak()], [Some(card(17)), Some(card(17))]);
        assert_eq!(late.peak(), None, "it began after the question");
        assert_eq!(gauge.next(), Some(asked_at + SAMPLE_PAUSE), "whoever asks, asks for all");
        drop((first, second));
        let due = late.0.since + SAMPLED_AFTER;
        assert_eq!(gauge.next(), Some(due.max(asked_at + SAMPLE_PAUSE)));
        drop(late);
        assert_eq!(gauge.next(), None);
    }
}
