//! From the parameters of a service to a recorded job.

use batch::JobRecord;

use super::fill::fill;
use crate::{
    error::Error,
    factory::Factory,
    prepare::foresee,
    requests::{RunService, StartedJob},
    start::{only_seed, random_seed, record},
};

impl Factory {
    /// Runs the workflow of a service with these parameters set in it. Parameters that the service
    /// does not have, or that it needs and are not given, are refused, all of them in one error;
    /// which defaults hold is among the notes. When this answers, the job is recorded and survives
    /// a crash.
    pub async fn start_service(&self, run: RunService) -> Result<StartedJob, Error> {
        let RunService { service, parameters, timeout, placing } = run;
        let services = self.services();
        let service = services.get(&service)?;
        let filled = fill(service, &parameters, random_seed()?)?;
        let servers = self.reachable(self.placed(placing.backend.as_deref())?).await?;
        let foreseen = foresee(&servers, &filled.workflow, None).await?;
        let reuse = placing.reuse;
        let record = JobRecord {
            servers: foreseen.servers,
            parameters: filled.parameters,
            seed: only_seed(&filled.workflow),
            service: Some(service.name.clone()),
            tool: service.name.clone(),
            notes: filled.notes.into_iter().chain(foreseen.notes).collect(),
            running_time_max: Some(timeout.unwrap_or(self.parts.config.job_timeout)),
            ..record(&filled.workflow, placing)
        };
        self.start(record, reuse).await
    }
}
