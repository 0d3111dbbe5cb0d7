//! Being the owner of jobs: living as far as the store knows, and taking over from the dead.

use std::{sync::Arc, time::Duration};

use tokio::time::MissedTickBehavior;

use super::{Shared, probe::survey};
use crate::{Adoption, Job, JobId, StoreError};

/// A lease is renewed so often while it lasts: it outlives two renewals that failed.
const RENEWALS_PER_LEASE: u32 = 3;

/// How many jobs are adopted at a time; the rest comes with the next look.
const ADOPTED_MAX: u32 = 100;

impl Shared {
    /// Makes this engine an owner that lives, before it owns its first job.
    pub(super) async fn come_alive(self: &Arc<Self>) -> Result<(), StoreError> {
        let begin = || async {
            self.renew().await?;
            self.tasks.spawn(keep_alive(Arc::clone(self)));
            if self.servers.len() > 1 {
                for server in &self.servers {
                    self.tasks.spawn(survey(Arc::clone(self), Arc::clone(server)));
                }
            }
            Ok(())
        };
        self.alive.get_or_try_init(begin).await.copied()
    }

    /// Takes up the jobs that nobody alive owns, and says how many they are. Only who is alive
    /// may own any.
    pub(super) async fn adopt(self: &Arc<Self>, only: Option<JobId>) -> Result<usize, StoreError> {
        let adoption = Adoption {
            owner: self.owner,
            servers: self.servers.iter().map(|server| server.url.clone()).collect(),
            now: self.now(),
            lease_max: self.options.lease,
            only,
            limit: ADOPTED_MAX,
        };
        let adopted: Vec<Job> = self.store.adopt(&adoption).await?;
        Ok(adopted.into_iter().filter(|job| self.take_up(job.clone())).count())
    }

    async fn renew(&self) -> Result<(), StoreError> {
        let now = self.now();
        let until = now.checked_add(self.options.lease).unwrap_or(jiff::Timestamp::MAX);
        self.store.renew(&self.owner, until).await
    }
}

/// Renews the lease as long as the engine lives, and looks for the jobs of dead processes once
/// it was asked to recover any. What fails is tried again: a job whose owner seems dead is looked
/// up by another process, which costs nothing but that.
async fn keep_alive(shared: Arc<Shared>) {
    let every = (shared.options.lease / RENEWALS_PER_LEASE).max(Duration::from_millis(1));
    let mut renewal = tokio::time::interval(every);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            _ = renewal.tick() => {}
        }
        if let Err(error) = shared.renew().await {
            tracing::warn!(%error, "the lease of this process was not renewed");
        }
        if shared.is_heir() {
            match shared.adopt(None).await {
                Ok(0) => {}
                Ok(jobs) => tracing::info!(jobs, "took over the jobs of a process that is gone"),
                Err(error) => tracing::warn!(%error, "the jobs of dead processes were not read"),
            }
        }
    }
}
