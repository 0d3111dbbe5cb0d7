//! Families and variants against `models/model_families.json`.

use std::collections::BTreeMap;

use model_registry::Stage;

use super::{
    BTreeSet, Extent, Family, Licence, Runs, Setting, Value, Variant, items, json, registry, text,
};

/// What the data leaves out or says otherwise, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "ltx-2/t2v",
        "extent",
        "text to video has no picture to take the size from: the source could not follow the link",
    ),
    (
        "ltx-2/t2v_distilled",
        "extent",
        "text to video has no picture to take the size from: the source could not follow the link",
    ),
    ("ltxv-0.9/t2v", "fps", "the video has 24 frames a second, the conditioning says 25"),
    ("ltxv-0.9/i2v", "fps", "the video has 24 frames a second, the conditioning says 25"),
];

/// Nodes that write into a latent that another node has made.
const FILL_LATENTS: [&str; 2] = ["LTXVImgToVideoInplace", "WanSoundImageToVideoExtend"];

/// A flat form in which both sides can be compared.
type Flat = BTreeMap<&'static str, String>;

#[test]
fn families_and_variants_equal_their_source() {
    let Some(truth) = json("models/model_families.json") else { return };
    let registry = registry();
    let mut differences = BTreeSet::new();
    for source in items(&truth) {
        let family = registry.family(text(source, "family")).unwrap();
        compare(&family.name, &family_of(source), &family_flat(family), &mut differences);
        assert_eq!(items(&source["variants"]).len(), family.variants.len(), "{}", family.name);
        for variant in items(&source["variants"]) {
            let place = format!("{}/{}", family.name, text(variant, "task"));
            let told = family.variant(text(variant, "task")).unwrap();
            compare(&place, &variant_of(variant), &variant_flat(told), &mut differences);
        }
    }
    let expected: BTreeSet<_> =
        EXCEPTIONS.iter().map(|(place, key, _)| format!("{place} {key}")).collect();
    let keys: BTreeSet<_> = differences
        .iter()
        .map(|told: &String| told.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(keys, expected, "{differences:#?}");
    let local = registry.families().filter(|family| family.runs == Runs::Local).count();
    assert_eq!(items(&truth).len(), local);
}

#[test]
fn files_equal_their_sources() {
    let Some(truth) = json("models/model_families.json") else { return };
    let hashes = hashes();
    let registry = registry();
    for source in items(&truth) {
        let family = registry.family(text(source, "family")).unwrap();
        let used: BTreeSet<_> = items(&source["variants"])
            .iter()
            .flat_map(|variant| items(&variant["files"]))
            .map(|file| (text(file, "directory"), text(file, "name"), text(file, "url")))
            .collect();
        let told: BTreeSet<_> = family
            .files
            .iter()
            .flat_map(|file| {
                let urls = file.other_urls.iter().chain([&file.url]);
                urls.map(|url| (file.folder.as_str(), file.name.as_str(), url.as_str()))
            })
            .collect();
        assert_eq!(told, used, "{}", family.name);
        for file in &family.files {
            let hash = hashes.get(&(file.folder.clone(), file.name.clone()));
            assert_eq!(file.sha256.as_ref(), hash, "{}", file.name);
        }
    }
}

/// The sizes of single files stand in the prose of facts.md, those of the model files in tenths.
#[test]
fn sizes_stand_in_the_facts() {
    let Some(folder) = super::folder() else { return };
    let facts = std::fs::read_to_string(folder.join("models/facts.md")).unwrap();
    let sizes = facts.lines().find(|line| line.starts_with("File sizes:")).unwrap();
    for file in registry().families().flat_map(|family| &family.files) {
        if let Some(size) = file.gigabytes.as_ref().filter(|size| size.source.key() == "facts-5") {
            let written = format!("{:.2}", size.value);
            assert!(sizes.contains(&written), "{}: {written}", file.name);
        }
    }
}

fn hashes() -> BTreeMap<(String, String), String> {
    let recipes = json("models/template_recipes.json").unwrap();
    let files = items(&recipes).iter().flat_map(|recipe| items(&recipe["model_files"]));
    files
        .filter_map(|file| {
            let name = (text(file, "directory").to_owned(), text(file, "name").to_owned());
            Some((name, file["hash"].as_str()?.to_owned()))
        })
        .collect()
}

fn compare(place: &str, source: &Flat, told: &Flat, differences: &mut BTreeSet<String>) {
    for key in source.keys().chain(told.keys()) {
        if source.get(key) != told.get(key) {
            let (source, told) = (source.get(key), told.get(key));
            differences.insert(format!("{place} {key}: {source:?} is told as {told:?}"));
        }
    }
}

fn family_of(source: &Value) -> Flat {
    let mut flat = Flat::new();
    let mut put = |key, value: &Value| put_value(&mut flat, key, value);
    put("title", &source["display_name"]);
    put("licence", &source["licence"]);
    put("commercial", &source["commercial_use"]);
    put("class", &source["comfy_model_class"]);
    put("released_by", &source["first_template"]);
    if !text(source, "note").is_empty() {
        put("note", &source["note"]);
    }
    let licence_source = match text(source, "licence_source") {
        "" => return flat,
        "template MarkdownNote" => "template-note",
        _ => "model-card",
    };
    flat.insert("licence source", licence_source.to_owned());
    flat
}

fn family_flat(family: &Family) -> Flat {
    let mut flat = Flat::from([("title", family.title.clone())]);
    if let Licence::Known { name, commercial, source } = &family.licence {
        flat.insert("licence", name.clone());
        flat.insert("licence source", source.key().to_owned());
        flat.extend(commercial.map(|allowed| ("commercial", allowed.to_string())));
    }
    flat.extend(family.memory.as_ref().map(|memory| ("class", memory.class.clone())));
    flat.extend(family.released_by.as_ref().map(|by| ("released_by", by.value.to_string())));
    flat.extend(family.note.clone().map(|note| ("note", note)));
    flat
}

fn variant_of(source: &Value) -> Flat {
    let mut flat = Flat::new();
    for (key, value) in [
        ("template", &source["template"]),
        ("published", &source["date"]),
        ("minimum_version", &source["minComfyUIVersion"]),
        ("download_bytes", &source["download_size_bytes"]),
        ("recommend", &source["recommend"]),
        ("freshness", &source["freshness"]),
        ("usage", &source["usage"]),
    ] {
        put_value(&mut flat, key, value);
    }
    let files = items(&source["files"]);
    let off = files.iter().filter(|file| file["active_by_default"] == false);
    put_list(&mut flat, "optional", off.map(|file| text(file, "name").to_owned()));
    put_list(&mut flat, "encode", items(&source["text_encode_nodes"]).iter().map(plain));
    put_list(&mut flat, "loads", items(&source["loaders"]).iter().map(load_of));
    let loras = items(&source["loras_active"]).iter();
    put_list(
        &mut flat,
        "loras",
        loras.map(|lora| format!("{} {}", text(lora, "lora_name"), plain(&lora["strength_model"]))),
    );
    let switches = items(&source["toggles"]).iter().filter(|switch| switch["title"].is_string());
    let switches = switches.map(|switch| format!("{} {}", text(switch, "title"), switch["value"]));
    put_list(&mut flat, "switches", switches.collect::<BTreeSet<_>>());
    let (shifts, patches): (Vec<_>, Vec<_>) =
        items(&source["model_patches"]).iter().partition(|patch| !patch["shift"].is_null());
    let shifts =
        shifts.iter().map(|patch| format!("{} {}", text(patch, "node"), plain(&patch["shift"])));
    put_list(&mut flat, "shift", shifts.collect::<BTreeSet<_>>());
    put_list(
        &mut flat,
        "patches",
        patches.iter().map(|patch| text(patch, "node")).collect::<BTreeSet<_>>(),
    );
    let guidance = items(&source["guidance_nodes"]);
    put_list(&mut flat, "guidance", numbers(guidance, "guidance"));
    let rates = numbers(guidance, "fps").into_iter().chain(numbers(guidance, "frame_rate"));
    put_list(&mut flat, "fps", rates.collect::<BTreeSet<_>>());
    put_list(&mut flat, "stages", sorted(items(&source["samplers"]).iter().map(stage_of)));
    let latents = items(&source["latent"]);
    let made = latents.iter().find(|latent| !FILL_LATENTS.contains(&text(latent, "node")));
    if let Some(latent) = made {
        latent_of(&mut flat, latent);
    }
    flat
}

fn variant_flat(variant: &Variant) -> Flat {
    let mut flat = Flat::from([("template", variant.template.clone())]);
    flat.extend(variant.published.map(|day| ("published", day.to_string())));
    flat.extend(variant.minimum_version.clone().map(|version| ("minimum_version", version)));
    flat.extend(variant.download_bytes.map(|bytes| ("download_bytes", bytes.to_string())));
    flat.extend(variant.rank.recommend.map(|how| ("recommend", how.to_string())));
    flat.extend(variant.rank.freshness.map(|age| ("freshness", age.to_string())));
    flat.extend(variant.rank.usage.map(|times| ("usage", times.to_string())));
    put_list(&mut flat, "optional", variant.optional.iter().cloned());
    put_list(&mut flat, "encode", variant.encode.iter().cloned());
    put_list(
        &mut flat,
        "loads",
        variant.loads.iter().map(|load| {
            let files: BTreeSet<_> = load.files.iter().cloned().collect();
            let files: Vec<_> = files.into_iter().collect();
            let (kind, dtype) = (load.encoder_type.as_deref(), load.dtype.as_deref());
            let dtype = dtype.unwrap_or("default");
            format!("{} {} {} {dtype}", load.node, files.join("+"), kind.unwrap_or("-"))
        }),
    );
    let loras =
        variant.loras.iter().map(|lora| format!("{} {}", lora.file, number(&lora.strength)));
    put_list(&mut flat, "loras", loras);
    let switches = variant.switches.iter().map(|switch| format!("{} {}", switch.title, switch.on));
    put_list(&mut flat, "switches", switches.collect::<BTreeSet<_>>());
    let shift =
        variant.shift.iter().map(|shift| format!("{} {}", shift.node, number(&shift.amount)));
    put_list(&mut flat, "shift", shift);
    put_list(
        &mut flat,
        "patches",
        variant.patches.iter().map(String::as_str).collect::<BTreeSet<_>>(),
    );
    put_list(&mut flat, "guidance", variant.guidance.iter().map(number));
    put_list(&mut flat, "fps", variant.fps.iter().map(number));
    put_list(&mut flat, "stages", sorted(variant.stages.iter().map(stage_flat)));
    if let Some(latent) = &variant.latent {
        flat.insert("latent", latent.node.clone());
        flat.extend(latent.extent.as_ref().map(|extent| ("extent", extent_flat(extent))));
        flat.extend(latent.frames.as_ref().map(|frames| ("frames", frames.value.to_string())));
        flat.extend(latent.frames_of_input.then(|| ("frames", "input".to_owned())));
        flat.extend(latent.seconds.as_ref().map(|seconds| ("seconds", number(seconds))));
        flat.extend(latent.layers.as_ref().map(|layers| ("layers", layers.value.to_string())));
        flat.extend(
            latent.resolution.as_ref().map(|cells| ("resolution", cells.value.to_string())),
        );
    }
    flat
}

fn load_of(loader: &Value) -> String {
    let other = ["node", "type", "device", "weight_dtype"];
    let inputs = loader.as_object().unwrap().iter();
    let files: BTreeSet<_> = inputs
        .filter(|(key, _)| !other.contains(&key.as_str()))
        .map(|(_, file)| plain(file))
        .collect();
    let files: Vec<_> = files.into_iter().collect();
    let kind = loader["type"].as_str().unwrap_or("-");
    let dtype = loader["weight_dtype"].as_str().unwrap_or("default");
    format!("{} {} {kind} {dtype}", text(loader, "node"), files.join("+"))
}

fn latent_of(flat: &mut Flat, latent: &Value) {
    flat.insert("latent", text(latent, "node").to_owned());
    // Widgets without a name in the source: width, height, length come first where there are any.
    let unnamed = latent["width"].is_null() && text(latent, "node") != "EmptyLatentHunyuan3Dv2";
    let of = |name: &str, at: &str| {
        if unnamed && latent[name].is_null() { latent[at].clone() } else { latent[name].clone() }
    };
    let (width, height, frames) = (of("width", "0"), of("height", "1"), of("length", "2"));
    let selector = width.as_str().and_then(|width| width.strip_prefix("ResolutionSelector("));
    if width.is_number() && height.is_number() {
        flat.insert("extent", format!("{width}x{height}"));
    } else if let Some((aspect, megapixels)) = selector.and_then(|inner| inner.split_once(',')) {
        let aspect = aspect.split(' ').next().unwrap();
        let megapixels: f64 = megapixels.split(')').next().unwrap().parse().unwrap();
        flat.insert("extent", format!("{aspect} {megapixels}"));
    } else if width == "from_input_image" {
        flat.insert("extent", "input".to_owned());
    }
    if frames == "from_input_image" {
        flat.insert("frames", "input".to_owned());
    }
    let is_video = text(latent, "node") != "EmptyHiDreamO1LatentImage";
    for (key, value) in [
        ("frames", &frames),
        ("seconds", &latent["seconds"]),
        ("layers", &latent["layers"]),
        ("resolution", &latent["resolution"]),
    ] {
        if value.is_number() && (is_video || key != "frames") {
            flat.insert(key, plain(value));
        }
    }
}

fn extent_flat(extent: &Extent) -> String {
    match extent {
        Extent::Pixels { width, height } => format!("{width}x{height}"),
        Extent::Megapixels { aspect, megapixels } => format!("{aspect} {megapixels}"),
        Extent::Input => "input".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// One sampler of the source in the form of [`stage_flat`].
fn stage_of(sampler: &Value) -> String {
    let schedule = &sampler["sigmas"];
    let basic = &sampler["sigmas_src"]["BasicScheduler"];
    let node = sampler["sigmas_node"].as_str();
    let (scheduler, steps) = match node {
        None => (&sampler["scheduler"], &sampler["steps"]),
        Some("SplitSigmas") => (&basic["scheduler"], &basic["steps"]),
        Some("SDTurboScheduler" | "BetaSamplingScheduler") => {
            (&schedule["scheduler"], &schedule["0"])
        }
        Some(_) => (&schedule["scheduler"], &schedule["steps"]),
    };
    let written = schedule["sigmas"].as_str().unwrap_or_default();
    let sigmas: Vec<f64> =
        written.split(',').filter_map(|sigma| sigma.trim().parse().ok()).collect();
    let steps = match sigmas.len() {
        0 => figure_of(steps),
        count => (count - 1).to_string(),
    };
    let guider = &sampler["guider"];
    let first = [&sampler["cfg"], &guider["cfg"], &guider["cfg_conds"], &guider["0"]];
    let second = [&guider["cfg_cond2_negative"], &guider["1"]];
    let of_first = |all: &[&Value]| {
        all.iter().find(|value| value.is_number()).map_or("-".to_owned(), |value| plain(value))
    };
    let sampler_node =
        sampler["sampler_node"].as_str().filter(|_| sampler["sampler_name"].is_null());
    [
        text(sampler, "node").to_owned(),
        sampler["guider_node"].as_str().unwrap_or("-").to_owned(),
        sampler["sampler_name"].as_str().or(sampler_node).unwrap_or("-").to_owned(),
        scheduler.as_str().unwrap_or("-").to_owned(),
        node.filter(|node| *node != "BasicScheduler").unwrap_or("-").to_owned(),
        steps,
        of_first(&first),
        of_first(&second),
        figure_of(&sampler["start_at_step"]),
        figure_of(&sampler["end_at_step"]),
        figure_of(&schedule["step"]),
        format!("{sigmas:?}"),
    ]
    .join(" ")
}

fn stage_flat(stage: &Stage) -> String {
    let whole = |figure: &Option<Setting<u32>>| {
        figure.as_ref().map_or("-".to_owned(), |figure| figure.value.to_string())
    };
    let scale = |figure: &Option<Setting<f64>>| figure.as_ref().map_or("-".to_owned(), number);
    let word =
        |figure: &Option<Setting<String>>| figure.as_ref().map(|figure| figure.value.clone());
    let sampler = word(&stage.sampler).or_else(|| stage.sampler_node.clone());
    [
        stage.node.clone(),
        stage.guider.clone().unwrap_or_else(|| "-".to_owned()),
        sampler.unwrap_or_else(|| "-".to_owned()),
        word(&stage.scheduler).unwrap_or_else(|| "-".to_owned()),
        stage.scheduler_node.clone().unwrap_or_else(|| "-".to_owned()),
        whole(&stage.steps),
        scale(&stage.cfg),
        scale(&stage.second_cfg),
        whole(&stage.start),
        whole(&stage.end),
        whole(&stage.split),
        format!("{:?}", stage.sigmas),
    ]
    .join(" ")
}

/// The source lists samplers in no order; the data lists them as they run.
fn sorted(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

fn numbers(nodes: &[Value], key: &str) -> BTreeSet<String> {
    nodes.iter().map(|node| &node[key]).filter(|value| value.is_number()).map(plain).collect()
}

fn figure_of(value: &Value) -> String {
    if value.is_number() { plain(value) } else { "-".to_owned() }
}

/// A value without quotes, and without what JavaScript's arithmetic leaves at the end of a number.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => rounded(number.as_f64().unwrap()),
        other => other.to_string(),
    }
}

fn number(setting: &Setting<f64>) -> String {
    rounded(setting.value)
}

fn rounded(number: f64) -> String {
    let of_billions = (number * 1e9).round() / 1e9;
    if number.fract() == 0.0 { number.to_string() } else { of_billions.to_string() }
}

fn put_value(flat: &mut Flat, key: &'static str, value: &Value) {
    if !value.is_null() {
        flat.insert(key, plain(value));
    }
}

fn put_list<T: ToString>(flat: &mut Flat, key: &'static str, all: impl IntoIterator<Item = T>) {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    if !all.is_empty() {
        flat.insert(key, all.join(" | "));
    }
}
