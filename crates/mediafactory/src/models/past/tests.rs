use std::time::Duration;

use batch::{MemoryPeak, Outcome};
use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::models::find;

const GIB: u64 = 1 << 30;

/// A job that ended that many seconds after the first.
fn job(second: i64, models: &[&str]) -> Outcome {
    Outcome {
        job: Uuid::now_v7().into(),
        ended_at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        server: "http://127.0.0.1:8188/".to_owned(),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        workload: "[1, 16, 128, 128]".to_owned(),
        ran: None,
        memory: None,
    }
}

fn took(seconds: u64, models: &[&str]) -> Outcome {
    Outcome { ran: Some(Duration::from_secs(seconds)), ..job(0, models) }
}

fn used(second: i64, gib: u64, workload: &str, models: &[&str]) -> Outcome {
    let used_bytes = gib * GIB;
    let memory = MemoryPeak { used_bytes, samples: 2, ..MemoryPeak::new("cuda", 24 * GIB) };
    Outcome { memory: Some(memory), workload: workload.to_owned(), ..job(second, models) }
}

fn past(outcomes: Vec<Outcome>) -> Past {
    Past { server: "workstation".to_owned(), outcomes }
}

/// The files that a variant loads, as a job names them.
fn files(name: &str) -> Vec<String> {
    let found = find(name).unwrap();
    let files = found.variants[0].needs().filter_map(|file| found.family.file(file));
    files.map(|file| format!("{}/{}", file.folder, file.name)).collect()
}

fn names(models: &[&str]) -> Vec<String> {
    let models: Vec<String> = models.iter().map(|model| (*model).to_owned()).collect();
    let of = variants_of(registry().unwrap(), &models);
    of.iter().map(|(family, variant)| format!("{}/{}", family.name, variant.name)).collect()
}

fn of(name: &str, times: &Times) -> Option<(u64, Option<f64>)> {
    let found = find(name).unwrap();
    let history = times.history(found.family, found.variants[0])?;
    assert_eq!((history.ratings, history.mean_rating), (0, None), "nobody rates");
    Some((history.jobs, history.median_seconds))
}

#[test]
fn every_variant_is_found_by_its_own_files() {
    let mut told = 0;
    for family in registry().unwrap().families() {
        for variant in &family.variants {
            let name = format!("{}/{}", family.name, variant.name);
            let own = files(&name);
            let own: Vec<&str> = own.iter().map(String::as_str).collect();
            let found = names(&own);
            // Some share what samples with other families; then nothing is said.
            assert!(found.is_empty() || found.contains(&name), "{name}: {found:?}");
            told += usize::from(!found.is_empty());
        }
    }
    assert!(told > 100, "{told}");
}

#[test]
fn what_samples_decides_and_is_one_model() {
    let xl = "checkpoints/sd_xl_base_1.0.safetensors";
    assert!(!names(&[xl]).is_empty());
    assert_eq!(
        names(&["checkpoints/xl/sd_xl_base_1.0.safetensors", "loras/fox.safetensors"]),
        names(&[xl])
    );
    assert_eq!(names(&[xl, "diffusion_models/flux1-dev.safetensors"]), Vec::<String>::new());
    assert_eq!(names(&[xl, "checkpoints/nobody-knows-this.safetensors"]), Vec::<String>::new());
    assert_eq!(names(&["text_encoders/clip_l.safetensors"]), Vec::<String>::new());
    assert_eq!(names(&[]), Vec::<String>::new());
}

#[test]
fn the_time_of_a_model_is_the_median_of_its_jobs() {
    let xl = ["checkpoints/sd_xl_base_1.0.safetensors"];
    let name = names(&xl).remove(0);
    let times = past(vec![took(30, &xl), took(10, &xl), took(12, &xl), job(0, &xl), took(0, &xl)]);
    let times = times.times(registry().unwrap());
    assert_eq!(of(&name, &times), Some((3, Some(12.0))), "what has no time does not count");
    assert_eq!(of("wan-2.2-14b/t2v", &times), None);
    assert_eq!(of(&name, &past(Vec::new()).times(registry().unwrap())), None);
}

#[test]
fn jobs_of_the_same_work_come_before_those_of_the_same_files() {
    let files = ["checkpoints/sd_xl_base_1.0.safetensors", "loras/fox.safetensors"];
    let without_lora = [files[0]];
    let workload = |sizes: Option<&str>| {
        let mut workload = Workload::default();
        workload.files = files.map(str::to_owned).to_vec();
        workload.sizes = sizes.map(str::to_owned);
        workload
    };
    let past = past(vec![
        used(3, 9, "[1, 4, 128, 128]", &files),
        used(2, 11, "[1, 4, 128, 128]", &without_lora),
        used(1, 17, "[4, 4, 128, 128]", &files),
        used(0, 23, "[1, 4, 128, 128]", &["checkpoints/other.safetensors"]),
        job(0, &files),
    ]);
    let same = past.of_workload(&workload(Some("[1, 4, 128, 128]"))).unwrap();
    assert_eq!((same.likeness, same.jobs, same.peak.used_bytes), (Likeness::Workload, 2, 11 * GIB));
    insta::assert_snapshot!(
        same,
        @"11.0 GiB of 24.0 GiB video memory seen in use in 2 samples, in 2 jobs with the same files and sizes ([1, 4, 128, 128]) on workstation, the one that used most on 2027-01-15; the true peak may be higher, and what others and earlier jobs held counts in it"
    );
    for other in [Some("[2, 4, 128, 128]"), None] {
        let like = past.of_workload(&workload(other)).unwrap();
        assert_eq!(
            (like.likeness, like.jobs, like.peak.used_bytes),
            (Likeness::Files, 3, 17 * GIB)
        );
        assert_eq!(like.sizes, ["[1, 4, 128, 128]", "[4, 4, 128, 128]"]);
    }
    assert_eq!(past.of_workload(&Workload::default()), None, "nothing is like nothing");
}

#[test]
fn jobs_of_a_model_are_those_of_its_variant() {
    let xl = ["checkpoints/sd_xl_base_1.0.safetensors"];
    let name = names(&xl).remove(0);
    let found = find(&name).unwrap();
    let past = past(vec![used(0, 9, "", &xl), used(0, 23, "", &["checkpoints/other.safetensors"])]);
    let registry = registry().unwrap();
    let measured = past.of_variant(registry, found.family, found.variants[0]).unwrap();
    assert_eq!((measured.likeness, measured.jobs), (Likeness::Model, 1));
    assert!(measured.sizes.is_empty(), "its workflow did not say it");
    let wan = find("wan-2.2-14b/t2v").unwrap();
    assert_eq!(past.of_variant(registry, wan.family, wan.variants[0]), None);
}
