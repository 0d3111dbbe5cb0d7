//! Telling clients that a resource has changed, in both generations of the protocol.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mediafactory::{Factory, Follower, JobId, Preview};
use rmcp::{
    Peer, RoleServer,
    model::{ErrorData, ResourceUpdatedNotificationParam},
    service::{ServiceError, SubscriptionSendError, SubscriptionSink},
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{execution::job_id, resources, uris::ResourceUri};

/// How many resources one client may be told of. Each is a task of ours.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 100;

/// How long one notification may take. Of a client that reads slowly, changes are told as one.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(1);

/// What one client of 2025-11-25 and earlier has subscribed to. When it goes, all of it ends.
#[derive(Default)]
pub(crate) struct Subscriptions(Mutex<HashMap<String, DropGuard>>);

/// What changes of a job at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Where it stands, and what came of it.
    Job(JobId),
    /// The picture it showed last.
    Preview(JobId),
}

/// Who is told.
pub(crate) enum Listener {
    /// A client that keeps a session.
    Session(Peer<RoleServer>),
    /// One stream of a client of 2026-07-28.
    Stream(SubscriptionSink),
}

impl Subscriptions {
    /// Adds an address. What is given back is cancelled when it is taken back or added again, and
    /// when the client is gone.
    pub(crate) fn add(&self, uri: &str) -> Result<CancellationToken, ErrorData> {
        let mut all = self.all();
        if all.len() >= SUBSCRIPTIONS_MAX && !all.contains_key(uri) {
            let message = format!(
                "{SUBSCRIPTIONS_MAX} resources are subscribed to, which is the most; unsubscribe \
                 from some"
            );
            return Err(ErrorData::invalid_params(message, None));
        }
        let active = CancellationToken::new();
        all.insert(uri.to_owned(), active.clone().drop_guard());
        Ok(active)
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.all().remove(uri);
    }

    /// The lock is held for a look-up only, so that a poisoned map is still whole.
    fn all(&self) -> MutexGuard<'_, HashMap<String, DropGuard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is to tell of an address; `None` where nothing ever changes.
pub(crate) async fn subject(factory: &Factory, uri: &str) -> Result<Option<Subject>, ErrorData> {
    let (id, subject): (String, fn(JobId) -> Subject) = match ResourceUri::parse(uri) {
        Some(ResourceUri::Job(id)) => (id, Subject::Job),
        Some(ResourceUri::JobPreview(id)) => (id, Subject::Preview),
        Some(
            ResourceUri::Asset(_)
            | ResourceUri::Model(_)
            | ResourceUri::Template(_)
            | ResourceUri::Workflow(_),
        ) => {
            return Ok(None);
        }
        None => return Err(resources::not_ours(uri)),
    };
    let known = async {
        let id = job_id(&id)?;
        factory.job(&id).await.map(|_| id)
    };
    match known.await {
        Ok(id) => Ok(Some(subject(id))),
        Err(error) => Err(resources::refused(uri, &error)),
    }
}

/// What tells of the changes of one subject.
pub(crate) struct Changes {
    factory: Factory,
    subject: Subject,
    follower: Follower,
    preview: Option<watch::Receiver<Option<Preview>>>,
}

impl Changes {
    /// From now on no change is missed.
    pub(crate) fn of(factory: &Factory, subject: Subject) -> Self {
        let (follower, preview) = match subject {
            Subject::Job(job) => (factory.follow(&job), None),
            Subject::Preview(job) => (factory.follow(&job), factory.preview(&job)),
        };
        Self { factory: factory.clone(), subject, follower, preview }
    }

    /// Tells of every change, until there will be none any more or nobody listens. The first is
    /// told at once: the client may have read the resource before it subscribed.
    pub(crate) async fn tell(mut self, uri: &str, listener: &Listener) {
        loop {
            let is_news = tokio::select! {
                () = changed(&mut self.preview) => true,
                news = self.follower.next() => match (news, self.subject) {
                    (Ok(Some(_)), Subject::Job(_)) => true,
                    (Ok(Some(_)), Subject::Preview(job)) => {
                        // This process may have taken the job over, or have begun with it.
                        self.preview = self.preview.or_else(|| self.factory.preview(&job));
                        false
                    }
                    (Ok(None) | Err(_), _) => return,
                },
            };
            if is_news && !listener.tell(uri).await {
                return;
            }
        }
    }
}

/// Waits for another picture; for ever, where none will come.
async fn changed(preview: &mut Option<watch::Receiver<Option<Preview>>>) {
    if let Some(receiver) = preview
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *preview = None;
    std::future::pending::<()>().await;
}

impl Listener {
    /// Whether it still listens.
    async fn tell(&self, uri: &str) -> bool {
        match self {
            Self::Session(peer) => {
                let updated = ResourceUpdatedNotificationParam::new(uri);
                let told = timeout(NOTIFY_TIMEOUT, peer.notify_resource_updated(updated)).await;
                !matches!(told, Ok(Err(ServiceError::TransportClosed)))
                    && !peer.is_transport_closed()
            }
            Self::Stream(sink) => {
                let told = timeout(NOTIFY_TIMEOUT, sink.notify_resource_updated(uri)).await;
                !matches!(
                    told,
                    Ok(Err(SubscriptionSendError::SubscriptionClosed
                        | SubscriptionSendError::Service(ServiceError::TransportClosed)))
                )
            }
        }
    }
}
