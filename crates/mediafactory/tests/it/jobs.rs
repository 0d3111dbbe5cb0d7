//! Jobs after they were started: followed, listed, cancelled, and what can be done to servers.

use comfy_sim::{Moment, Sim, SimOptions};
use mediafactory::{
    Factory, FailureCode, Forget, GenerateRequest, JobFilter, JobId, State, config::NamedServer,
};

use crate::stage::{Stage, one_color};

/// The states that a job is told to go through, until it has ended.
async fn told(factory: &Factory, job: &JobId) -> Vec<State> {
    let mut follower = factory.follow(job);
    let mut states = Vec::new();
    while let Some(news) = follower.next().await.unwrap() {
        states.push(news.state);
    }
    states.dedup();
    states
}

#[tokio::test]
async fn a_job_is_followed_here_and_from_another_process() {
    let stage = Stage::new().await;
    let other = stage.another_factory().await;
    let gate = stage.sim.hold(Moment::NextPrompt);
    let job = stage.factory.start_workflow(one_color(5)).await.unwrap().job;
    gate.reached().await;
    let mut here = stage.factory.follow(&job);
    let mut there = other.follow(&job);
    assert!(here.next().await.unwrap().unwrap().progress.is_some());
    let first = there.next().await.unwrap().unwrap();
    assert!(first.progress.is_none() && !first.state.is_final(), "{first:?}");
    gate.release();
    for follower in [&mut here, &mut there] {
        let mut last = first.state;
        while let Some(news) = follower.next().await.unwrap() {
            last = news.state;
        }
        assert_eq!(last, State::Succeeded);
    }
    assert_eq!(told(&other, &job).await.len(), 1, "one that has ended is told once");
    other.shutdown().await;
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn another_process_is_told_how_far_a_job_was_and_never_less() {
    let stage = Stage::new().await;
    let other = stage.another_factory().await;
    let gate = stage.sim.hold(Moment::AtStep(2));
    let job = stage.factory.start_generate(GenerateRequest::new("a fox")).await.unwrap().job;
    gate.reached().await;
    let mut follower = other.follow(&job);
    let recorded = loop {
        let news = follower.next().await.unwrap().unwrap();
        assert!(news.progress.is_none(), "{news:?}");
        if let Some(recorded) = news.recorded {
            break recorded;
        }
    };
    assert!(recorded.percent > 0.0 && recorded.nodes_done > 0, "{recorded:?}");
    let report = other.job(&job).await.unwrap();
    assert_eq!((report.progress, report.recorded), (None, Some(recorded)));
    let listed = other.jobs(JobFilter::default()).await.unwrap().items.remove(0);
    assert_eq!((listed.percent, listed.is_recorded), (Some(recorded.percent), true));
    let own = stage.factory.job(&job).await.unwrap();
    assert!(own.progress.is_some() && own.recorded.is_none(), "it drives the job");

    gate.release();
    let mut last = recorded.percent;
    while let Some(news) = follower.next().await.unwrap() {
        let percent = news.recorded.map_or(last, |recorded| recorded.percent);
        assert!(percent >= last, "{percent} after {last}");
        last = percent;
    }
    let listed = other.jobs(JobFilter::default()).await.unwrap().items.remove(0);
    assert_eq!((listed.percent, listed.is_recorded), (Some(100.0), false));
    other.shutdown().await;
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn previews_are_there_while_a_sampler_runs() {
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::AtStep(1));
    let job = stage.factory.start_generate(GenerateRequest::new("a fox")).await.unwrap().job;
    gate.reached().await;
    let mut preview = stage.factory.preview(&job).unwrap();
    preview.wait_for(Option::is_some).await.unwrap();
    let shown = stage.factory.latest_preview(&job).await.unwrap();
    assert_eq!(shown.media_type, "image/jpeg");
    assert!(shown.bytes.starts_with(&[0xff, 0xd8]));
    gate.release();
    stage.factory.wait(&job, std::time::Duration::from_mins(1)).await.unwrap();
    let gone = stage.factory.latest_preview(&job).await.unwrap_err();
    assert_eq!(gone.code(), FailureCode::AssetNotFoundOrExpired);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn only_a_job_that_has_not_ended_is_cancelled() {
    let stage = Stage::new().await;
    let job = stage.factory.run_workflow(one_color(1)).await.unwrap().job;
    let error = stage.factory.cancel(&job).await.unwrap_err();
    assert_eq!(
        (error.code(), error.to_string()),
        (
            FailureCode::ValidationError,
            format!("job {job} cannot be cancelled: it has ended as succeeded")
        )
    );
    assert_eq!(stage.factory.stop(&job).await.unwrap().state, State::Succeeded);
    let gate = stage.sim.hold(Moment::NextPrompt);
    let job = stage.factory.start_workflow(one_color(2)).await.unwrap().job;
    gate.reached().await;
    assert_eq!(stage.factory.cancel(&job).await.unwrap().state, State::Cancelled);
    let again = stage.factory.cancel(&job).await.unwrap_err().to_string();
    assert_eq!(again, format!("job {job} is cancelled already"));
    let nobody = "0197f1ce-3c5a-7000-8000-00000000002a".parse().unwrap();
    for error in [stage.factory.cancel(&nobody).await, stage.factory.stop(&nobody).await] {
        assert_eq!(error.unwrap_err().code(), FailureCode::JobNotFound);
    }
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn lists_of_jobs_have_bounds() {
    let stage = Stage::new().await;
    for limit in [0, 101] {
        let filter = JobFilter { limit: Some(limit), ..JobFilter::default() };
        assert_eq!(
            stage.factory.jobs(filter).await.unwrap_err().code(),
            FailureCode::ValidationError
        );
    }
    let page = stage.factory.jobs(JobFilter::default()).await.unwrap();
    assert_eq!((page.total, page.items.len(), page.next_cursor), (0, 0, None));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_away_hides_none_of_the_others() {
    let gone = Sim::start(SimOptions::default()).await.unwrap();
    let url = gone.url().parse().unwrap();
    gone.stop().await;
    let stage = Stage::with(|config| config.servers = vec![NamedServer::new("gone", url)]).await;
    let queue = stage.factory.queue(None).await.unwrap();
    let problems: Vec<_> = queue.backends.iter().map(|queue| queue.problem.is_some()).collect();
    assert_eq!(problems, [false, true], "{queue:?}");
    let freed = stage.factory.free_memory(None, Forget::Models).await.unwrap();
    let problems: Vec<_> = freed.iter().map(|freed| freed.problem.is_some()).collect();
    assert_eq!(problems, [false, true], "{freed:?}");
    let error = stage.factory.free_memory(Some("gone"), Forget::Models).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ComfyuiUnreachable);
    let error = stage.factory.interrupt(None).await.unwrap_err();
    assert_eq!(error.hint(), Some("name one as the backend: default, gone"));
    let stopped = stage.factory.interrupt(Some("default")).await.unwrap();
    assert!(stopped.prompts.is_empty() && stopped.jobs.is_empty());
    stage.factory.shutdown().await;
}
