//! Being told every step of a job.

use tokio::sync::broadcast::{self, error::RecvError};

use crate::Progress;

/// Every change of a job's progress in its order, for one reader. Made by
/// [`Engine::steps`](crate::Engine::steps).
///
/// Where only the present counts, as on a screen that is drawn now and then,
/// [`Engine::progress`](crate::Engine::progress) serves better.
#[derive(Debug)]
pub struct Steps {
    /// Where the job was when the reader came.
    first: Option<Progress>,
    rest: broadcast::Receiver<Progress>,
}

impl Steps {
    /// How many changes wait for a reader that is busy. One that falls further behind misses the
    /// oldest; it holds up nobody, and the memory that it takes does not grow.
    pub const KEPT_MAX: usize = 64;

    /// The `rest` is what comes after `first`.
    pub(crate) fn new(first: Progress, rest: broadcast::Receiver<Progress>) -> Self {
        Self { first: Some(first), rest }
    }

    /// At first where the job is, then every change; `None` when nobody follows the job here any
    /// more. The future may be dropped and the call made again.
    pub async fn next(&mut self) -> Option<Progress> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match self.rest.recv().await {
                Ok(step) => return Some(step),
                Err(RecvError::Lagged(steps)) => {
                    tracing::debug!(steps, "a reader of a job's progress was too slow for some");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    fn at(percent: u32) -> Progress {
        Progress { percent: f64::from(percent), ..Progress::waiting(State::Running) }
    }

    async fn all(mut steps: Steps) -> Vec<Progress> {
        let mut told = Vec::new();
        while let Some(step) = steps.next().await {
            told.push(step);
        }
        told
    }

    #[tokio::test]
    async fn a_busy_reader_is_told_every_step_in_its_order() {
        let (sender, rest) = broadcast::channel(Steps::KEPT_MAX);
        let steps = Steps::new(at(0), rest);
        for percent in 1..=50 {
            sender.send(at(percent)).unwrap();
        }
        drop(sender);
        assert_eq!(all(steps).await, (0..=50).map(at).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_reader_that_is_far_behind_misses_the_oldest_and_nobody_else_any() {
        let (sender, rest) = broadcast::channel(Steps::KEPT_MAX);
        let slow = Steps::new(at(0), rest);
        let mut quick = Steps::new(at(0), sender.subscribe());
        assert_eq!(quick.next().await, Some(at(0)));
        for percent in 1..=1_000 {
            sender.send(at(percent)).unwrap();
            assert_eq!(quick.next().await, Some(at(percent)));
        }
        drop(sender);
        let told = all(slow).await;
        assert_eq!(told.len(), 1 + Steps::KEPT_MAX);
        assert_eq!(told.last(), Some(&at(1_000)));
    }
}
