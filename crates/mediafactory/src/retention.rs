//! Forgetting finished jobs, as far as that was configured.

use batch::{JobStore as _, Retention};
use jiff::{SignedDuration, Timestamp};
use store_sqlite::SqliteStore;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Whether there is anything to forget.
pub(crate) fn is_wanted(config: &Config) -> bool {
    config.max_job_age.is_some() || config.max_jobs.is_some()
}

/// Forgets what is too old or too many, again and again.
pub(crate) async fn keep(store: SqliteStore, config: Config, stopping: CancellationToken) {
    let mut every = tokio::time::interval(config.cleanup_interval);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = every.tick() => {}
        }
        match store.prune(&retention(&config, Timestamp::now())).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "finished jobs were forgotten, as configured"),
            Err(error) => tracing::warn!(%error, "finished jobs were not forgotten"),
        }
    }
}

fn retention(config: &Config, now: Timestamp) -> Retention {
    let since = config.max_job_age.and_then(|age| {
        let age = SignedDuration::try_from(age).ok()?;
        now.checked_sub(age).ok()
    });
    Retention { recorded_since: since, jobs_max: config.max_jobs }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_age_beyond_all_time_keeps_everything() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut config = Config::new("/nowhere");
        assert!(!is_wanted(&config));
        config.max_job_age = Some(Duration::from_hours(1));
        assert_eq!(retention(&config, now).recorded_since, "2026-01-02T02:04:05Z".parse().ok());
        config.max_job_age = Some(Duration::MAX);
        assert_eq!(retention(&config, now), Retention::default());
    }
}
