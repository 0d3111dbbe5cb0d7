//! What a `config.json` of services says beside its services: a server's address, how long jobs
//! are kept.

use std::{path::Path, time::Duration};

use workflow_graph::{Json, json::Object};

use super::{Problem, Source, Warning, settings::Draft};

/// What the file says about one of our settings.
pub(super) struct Said {
    /// Our setting.
    pub(super) key: &'static str,
    pub(super) source: Source,
    pub(super) value: Value,
}

/// A value as our setting takes it.
pub(super) enum Value {
    Address(String),
    MaxJobAge(Duration),
    MaxJobs(u64),
    CleanupInterval(Duration),
}

/// Everything that the file says, and everything that is wrong or not used.
#[derive(Default)]
pub(super) struct Read {
    pub(super) said: Vec<Said>,
    pub(super) warnings: Vec<Warning>,
    pub(super) problems: Vec<Problem>,
}

impl Value {
    /// Puts it in its place; an address is read by whoever reads all of them.
    pub(super) fn put_into(&self, draft: &mut Draft) {
        let config = &mut draft.config;
        match self {
            Self::Address(_) => {}
            Self::MaxJobAge(age) => config.max_job_age = Some(*age),
            Self::MaxJobs(jobs) => config.max_jobs = Some(*jobs),
            Self::CleanupInterval(interval) => config.cleanup_interval = *interval,
        }
    }
}

/// Ten years in milliseconds, which is as good as for ever.
const MILLISECONDS_MAX: u64 = 10 * 365 * 24 * 3600 * 1000;

/// A store that is swept more often than once a second does little else.
const CLEANUP_MILLISECONDS_MIN: u64 = 1000;

/// As many jobs as the setting takes.
const JOBS_MAX: u64 = 100_000_000;

pub(super) fn read(path: &Path, text: &[u8]) -> Read {
    let mut reader = Reader { path, read: Read::default() };
    match Json::parse(text) {
        Err(error) => reader.wrong(error.to_string()),
        Ok(Json::Object(members)) => reader.all(&members),
        Ok(other) => reader.wrong(format!("must be an object, but is {}", other.kind())),
    }
    reader.read
}

struct Reader<'a> {
    path: &'a Path,
    read: Read,
}

impl Reader<'_> {
    fn all(&mut self, members: &Object) {
        for (name, member) in members {
            match name.as_str() {
                "services" => {}
                "comfyui" => self.table("comfyui", member, Self::comfyui),
                "jobs" => self.table("jobs", member, Self::jobs),
                "s3" => self.unused("s3", "results are not sent to S3 by this version"),
                other => self.unused(other, "it is not known"),
            }
        }
    }

    fn table(&mut self, table: &str, member: &Json, read: fn(&mut Self, &str, &Json)) {
        match member.as_object() {
            Some(members) => members.iter().for_each(|(name, value)| read(self, name, value)),
            None => self.wrong(format!("`{table}` must be an object, but is {}", member.kind())),
        }
    }

    fn comfyui(&mut self, name: &str, value: &Json) {
        let member = format!("comfyui.{name}");
        match (name, value.as_str()) {
            ("address", Some(address)) => {
                self.say("comfyui.url", &member, Value::Address(address.to_owned()));
            }
            ("address", None) => {
                self.wrong(format!("`{member}` must be a text, but is {}", value.kind()));
            }
            ("client_id", _) => {
                self.unused(&member, "every process has a client id of its own");
            }
            (_, _) => self.unused(&member, "it is not known"),
        }
    }

    fn jobs(&mut self, name: &str, value: &Json) {
        let member = format!("jobs.{name}");
        match name {
            "max_job_age" => {
                if let Some(age) = self.whole(&member, value, 1, MILLISECONDS_MAX) {
                    let age = Value::MaxJobAge(Duration::from_millis(age));
                    self.say("max_job_age_hours", &member, age);
                }
            }
            "max_jobs" => {
                if let Some(jobs) = self.whole(&member, value, 1, JOBS_MAX) {
                    self.say("max_jobs", &member, Value::MaxJobs(jobs));
                }
            }
            "cleanup_interval" => {
                let (minimum, maximum) = (CLEANUP_MILLISECONDS_MIN, MILLISECONDS_MAX);
                if let Some(interval) = self.whole(&member, value, minimum, maximum) {
                    let interval = Value::CleanupInterval(Duration::from_millis(interval));
                    self.say("cleanup_interval_seconds", &member, interval);
                }
            }
            _ => self.unused(&member, "it is not known"),
        }
    }

    fn whole(&mut self, member: &str, value: &Json, minimum: u64, maximum: u64) -> Option<u64> {
        let number = value.as_u64().filter(|number| (minimum..=maximum).contains(number));
        if number.is_none() {
            let unit = if member == "jobs.max_jobs" { "" } else { " of milliseconds" };
            self.wrong(format!(
                "`{member}` must be a whole number{unit} from {minimum} to {maximum}; leave it out \
                 where it is not wanted"
            ));
        }
        number
    }

    fn say(&mut self, key: &'static str, member: &str, value: Value) {
        let source = Source::ServicesFile { path: self.path.to_owned(), member: member.to_owned() };
        self.read.said.push(Said { key, source, value });
    }

    fn unused(&mut self, member: &str, why: &str) {
        self.read.warnings.push(Warning::ServicesFile {
            place: Source::ServicesFile {
                path: self.path.to_owned(),
                member: member.escape_debug().to_string(),
            },
            why: why.to_owned(),
        });
    }

    fn wrong(&mut self, problem: String) {
        self.read.problems.push(Problem::ServicesFile { path: self.path.to_owned(), problem });
    }
}
