//! Which of some models to take, where the workflows that would run are known.

use std::collections::{BTreeMap, BTreeSet};

use model_registry::{MemoryNeed, Recommended, Request, Surroundings, Task, Understanding};
use workflow_graph::Workflow;

use super::{
    Family, Variant,
    memory::{OnDevice, device},
    recommend::{looks, refused},
    registry,
};
use crate::{error::Error, factory::Factory, servers::Server};

/// Models of which one is to be taken.
#[derive(Debug)]
pub(crate) struct Contest<'a> {
    /// What is to be made.
    pub(crate) task: Task,
    /// What it shall show.
    pub(crate) prompt: &'a str,
    /// The workflows that would run, by [`Variant::name_in`] of the models that they are for.
    pub(crate) workflows: BTreeMap<String, Workflow>,
}

impl Factory {
    /// The model for which most speaks of those that a server could run at once, all their files being
    /// there. `None` where the registry knows none of them for this task.
    pub(crate) async fn best_of(
        &self,
        server: &Server,
        contest: &Contest<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Option<Recommended<'static>>, Error> {
        let registry = registry()?;
        let among: BTreeSet<String> = contest.workflows.keys().cloned().collect();
        if among.is_empty() {
            return Ok(None);
        }
        let mut wish = Understanding::of_task(contest.task);
        // There is nothing to choose by the looks where there is nothing to choose.
        if among.len() > 1 {
            wish.style = looks(contest.prompt)?;
        }
        let device = device(server, &OnDevice::default()).await;
        // The simulator has none, and a job says of itself that it runs there.
        let device = match device {
            Err(_) if self.may_be_simulated(&[server.url()]).await? => None,
            device => or_note(device, "memory is free", notes),
        };
        let files = or_note(server.inventory().await, "memory the files take", notes);
        let files = files.map(|files| files.weights()).unwrap_or_default();
        let times = self.past(Some(&server.name), notes).await?.times(registry);
        let memory = |family: &Family, variant: &Variant| {
            let workflow = contest.workflows.get(&variant.name_in(family))?;
            let needs = registry.estimate(workflow, device.as_ref()?, &files).needs()?;
            Some(MemoryNeed { fits_fully_bytes: needs.fully, runs_at_all_bytes: needs.at_all })
        };
        let here = Surroundings {
            free_bytes: device.as_ref().map(model_registry::memory::Device::free),
            installed: Some(&|_| true),
            memory: &memory,
            history: &|family, variant| times.history(family, variant),
        };
        let request = Request { among: Some(&among), ..Request::new(&wish) };
        match registry.recommend(&request, &here) {
            Ok(recommended) => {
                notes.extend(recommended.notes.iter().cloned());
                Ok(Some(recommended))
            }
            Err(model_registry::AskError::NoModel { .. }) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }
}

/// What is known; where it is not, the rest decides, and that is said.
fn or_note<T>(asked: Result<T, Error>, what: &str, notes: &mut Vec<String>) -> Option<T> {
    asked.map_err(|error| notes.push(format!("how much {what} is not known: {error}"))).ok()
}
