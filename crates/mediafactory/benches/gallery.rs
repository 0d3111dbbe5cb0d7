//! How long it takes to list 500 templates of a server, and to have one of them ready.
//!
//! Aim: the list in 30 ms when the server's lists are in memory. The server is comfy-sim with a
//! made-up gallery of 500 templates whose descriptions are as long as official ones are; its own
//! work, which a warm list does not need, is in the cold figure.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::{fmt::Write as _, fs, hint::black_box};

use comfy_sim::{Gallery, Sim, SimOptions};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mediafactory::{
    Factory, GalleryFilter, GallerySource,
    config::{Config, NamedServer},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// As many as the aim has.
const TEMPLATES: usize = 500;

/// About what an official one has.
const DESCRIPTION_BYTES: usize = 400;

const WORKFLOW: &str = r#"{"nodes": [
    {"id": 1, "type": "EmptyImage", "widgets_values": [64, 32, 1, 255],
     "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}]},
    {"id": 2, "type": "SaveImage", "widgets_values": ["saved"],
     "inputs": [{"name": "images", "type": "IMAGE", "link": 1}]}],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]], "version": 0.4}"#;

struct Bench {
    factory: Factory,
    config: Config,
    _sim: Sim,
    _folders: [TempDir; 2],
}

impl Bench {
    async fn start() -> Self {
        let offered = offered();
        let gallery = Gallery::Folder(offered.path().to_owned());
        let sim = Sim::start(SimOptions { gallery, ..SimOptions::default() });
        let sim = sim.await.expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let server = NamedServer::new("the one", sim.url().parse().expect("a URL"));
        let config = Config { servers: vec![server], ..Config::new(folder.path()) };
        let factory = Factory::open(config.clone()).await.expect("an empty folder");
        Self { factory, config, _sim: sim, _folders: [offered, folder] }
    }
}

/// A folder with what the server offers.
fn offered() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let templates = folder.path().join("templates");
    fs::create_dir(&templates).expect("an empty folder");
    let description = "Makes something of something. ".repeat(DESCRIPTION_BYTES / 30);
    let mut index = String::from(r#"[{"title": "Image", "type": "image", "templates": ["#);
    for number in 0..TEMPLATES {
        let comma = if number == 0 { "" } else { "," };
        write!(
            index,
            r#"{comma}{{"name": "template_{number}", "title": "Template {number}",
                "description": "{description}", "mediaType": "image", "date": "2026-01-01",
                "tags": ["Text to Image", "Image"], "models": ["Some Model"], "size": 1000000}}"#
        )
        .expect("a text grows");
        fs::write(templates.join(format!("template_{number}.json")), WORKFLOW).expect("room");
    }
    index.push_str("]}]");
    fs::write(folder.path().join("index.json"), index).expect("room");
    folder
}

fn listing(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let bench = runtime.block_on(Bench::start());
    let served = GalleryFilter { source: Some(GallerySource::Server), ..GalleryFilter::default() };
    let found = GalleryFilter { query: Some("template 42".to_owned()), ..served.clone() };
    let all = GalleryFilter::default();
    let cases = [("all of 500", &all), ("the server's 500", &served), ("those with words", &found)];
    for (name, filter) in cases {
        criterion.bench_function(&format!("gallery, warm: {name}"), |timed| {
            timed.iter(|| {
                let list = runtime.block_on(bench.factory.gallery(filter));
                black_box(list.expect("a server"))
            });
        });
    }
    criterion.bench_function("gallery: one template, fetched and converted", |timed| {
        timed.iter(|| {
            let found = bench.factory.gallery_template("server:template_42", None);
            black_box(runtime.block_on(found).expect("it is offered"))
        });
    });
    criterion.bench_function("gallery, cold: the server's 500", |timed| {
        let fresh = || {
            let folder = tempfile::tempdir().expect("a folder");
            let config = Config { data_dir: folder.path().to_owned(), ..bench.config.clone() };
            let factory = runtime.block_on(Factory::open(config));
            (factory.expect("an empty folder"), folder)
        };
        // What is kept is kept by a factory, so that each run has its own.
        let list = |(factory, folder): (Factory, TempDir)| {
            let list = runtime.block_on(factory.gallery(&served)).expect("a server");
            (black_box(list), factory, folder)
        };
        timed.iter_batched(fresh, list, BatchSize::PerIteration);
    });
    runtime.block_on(bench.factory.shutdown());
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = listing
}
criterion_main!(benches);
