//! A variant in the file of a family.

use super::table::Table;
use crate::{
    error::Error,
    variant::{
        Extent, FramesRule, Latent, Load, LoraUse, Range, Rank, Shift, SizeRule, Stage, Switch,
        Variant,
    },
};

pub(super) const KEYS: &[&str] = &[
    "name",
    "tasks",
    "template",
    "published",
    "minimum_version",
    "download_bytes",
    "rank",
    "loads",
    "loras",
    "optional",
    "encode",
    "negative",
    "shift",
    "guidance",
    "fps",
    "patches",
    "switches",
    "latent",
    "size_rule",
    "frames_rule",
    "memory_factor",
    "stages",
    "nodes",
    "steps_range",
    "cfg_range",
    "maker_steps",
    "maker_cfg",
    "maker_shift",
];
const RANK: &[&str] = &["recommend", "freshness", "usage"];
const LOAD: &[&str] = &["node", "files", "type", "dtype"];
const LORA: &[&str] = &["file", "strength"];
const SHIFT: &[&str] = &["node", "value"];
const SWITCH: &[&str] = &["title", "on"];
const LATENT: &[&str] = &[
    "node",
    "width",
    "height",
    "aspect",
    "megapixels",
    "size",
    "frames",
    "length",
    "seconds",
    "layers",
    "resolution",
];
const SIZE_RULE: &[&str] = &["divisor", "least", "most"];
const FRAMES_RULE: &[&str] = &["step", "offset", "least", "most"];
const RANGE: &[&str] = &["least", "most"];
const STAGE: &[&str] = &[
    "node",
    "guider",
    "sampler",
    "sampler_node",
    "scheduler",
    "scheduler_node",
    "steps",
    "cfg",
    "cfg2",
    "start",
    "end",
    "split",
    "sigmas",
];

/// What loaders call the VAE of models that work on pixels. It is no file.
pub(crate) const NO_VAE: &str = "pixel_space";

/// The word for what the picture or video that is read decides.
const INPUT: &str = "input";

pub(super) fn variant(table: &Table<'_>) -> Result<Variant, Error> {
    let tasks = table.words("tasks")?;
    if tasks.is_empty() {
        return Err(Error::MissingKey { place: table.place("tasks") });
    }
    Ok(Variant {
        name: table.required("name")?,
        tasks,
        template: table.required("template")?,
        source: table.source()?,
        published: table.optional("published")?,
        minimum_version: table.optional("minimum_version")?,
        download_bytes: table.optional("download_bytes")?,
        rank: rank(table)?,
        loads: each(table, "loads", LOAD, load)?,
        loras: each(table, "loras", LORA, lora)?,
        optional: table.list("optional")?,
        encode: table.list("encode")?,
        negative: table.word_figure("negative")?,
        shift: table.table("shift", SHIFT)?.map(|read| shift(&read)).transpose()?,
        guidance: table.figure("guidance")?,
        fps: table.figure("fps")?,
        patches: table.list("patches")?,
        switches: each(table, "switches", SWITCH, switch)?,
        latent: table.table("latent", LATENT)?.map(|read| latent(&read)).transpose()?,
        size_rule: table.table("size_rule", SIZE_RULE)?.map(|read| size_rule(&read)).transpose()?,
        frames_rule: table
            .table("frames_rule", FRAMES_RULE)?
            .map(|read| frames_rule(&read))
            .transpose()?,
        memory_factor: table.figure("memory_factor")?,
        stages: each(table, "stages", STAGE, stage)?,
        steps_range: advised_range(table, "steps_range")?,
        cfg_range: advised_range(table, "cfg_range")?,
        maker_steps: table.figure("maker_steps")?,
        maker_cfg: table.figure("maker_cfg")?,
        maker_shift: table.figure("maker_shift")?,
        nodes: table.list("nodes")?,
    })
}

fn each<T>(
    table: &Table<'_>,
    key: &str,
    keys: &[&str],
    read: impl Fn(&Table<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    table.tables(key, keys)?.iter().map(read).collect()
}

fn rank(table: &Table<'_>) -> Result<Rank, Error> {
    let Some(rank) = table.table("rank", RANK)? else { return Ok(Rank::default()) };
    Ok(Rank {
        recommend: rank.optional_word("recommend")?,
        freshness: rank.optional_word("freshness")?,
        usage: rank.optional("usage")?,
    })
}

fn load(table: &Table<'_>) -> Result<Load, Error> {
    Ok(Load {
        node: table.required("node")?,
        files: table.list("files")?,
        encoder_type: table.optional("type")?,
        dtype: table.optional("dtype")?,
    })
}

fn lora(table: &Table<'_>) -> Result<LoraUse, Error> {
    let strength = table.figure("strength")?;
    let missing = || Error::MissingKey { place: table.place("strength") };
    Ok(LoraUse { file: table.required("file")?, strength: strength.ok_or_else(missing)? })
}

fn shift(table: &Table<'_>) -> Result<Shift, Error> {
    let amount = table.figure("value")?;
    let missing = || Error::MissingKey { place: table.place("value") };
    Ok(Shift { node: table.required("node")?, amount: amount.ok_or_else(missing)? })
}

fn switch(table: &Table<'_>) -> Result<Switch, Error> {
    Ok(Switch { title: table.required("title")?, on: table.required("on")? })
}

fn latent(table: &Table<'_>) -> Result<Latent, Error> {
    for key in ["size", "length"] {
        if let Some(word) = table.optional::<String>(key)?
            && word != INPUT
        {
            return Err(table.refuse(key, &word, "the only word for it is `input`"));
        }
    }
    let frames = table.figure("frames")?;
    let frames_of_input = table.optional::<String>("length")?.is_some();
    if frames.is_some() && frames_of_input {
        return Err(table.refuse("length", &INPUT, "`frames` says how many there are"));
    }
    Ok(Latent {
        node: table.required("node")?,
        extent: extent(table)?,
        frames,
        frames_of_input,
        seconds: table.figure("seconds")?,
        layers: table.figure("layers")?,
        resolution: table.figure("resolution")?,
    })
}

fn extent(table: &Table<'_>) -> Result<Option<Extent>, Error> {
    let pixels = (table.optional("width")?, table.optional("height")?);
    let area = (table.optional("aspect")?, table.optional("megapixels")?);
    let input = table.optional::<String>("size")?;
    match (pixels, area, input) {
        ((None, None), (None, None), None) => Ok(None),
        ((Some(width), Some(height)), (None, None), None) => {
            Ok(Some(Extent::Pixels { width, height }))
        }
        ((None, None), (Some(aspect), Some(megapixels)), None) => {
            Ok(Some(Extent::Megapixels { aspect, megapixels }))
        }
        ((None, None), (None, None), Some(_)) => Ok(Some(Extent::Input)),
        _ => {
            let reason = "a size is `width` and `height`, or `aspect` and `megapixels`, or `size`";
            Err(table.refuse("node", &table.required::<String>("node")?, reason))
        }
    }
}

fn size_rule(table: &Table<'_>) -> Result<SizeRule, Error> {
    let Some(divisor) = table.figure::<u32>("divisor")? else {
        return Err(Error::MissingKey { place: table.place("divisor") });
    };
    let (least, most) = range(table)?;
    if divisor.value == 0 || most / divisor.value * divisor.value < least {
        return Err(table.refuse("divisor", &divisor.value, "no size would be possible"));
    }
    Ok(SizeRule { divisor, least, most })
}

fn frames_rule(table: &Table<'_>) -> Result<FramesRule, Error> {
    let Some(step) = table.figure::<u32>("step")? else {
        return Err(Error::MissingKey { place: table.place("step") });
    };
    let (least, most) = range(table)?;
    let offset = table.required("offset")?;
    let largest = |rest: u32| offset + rest / step.value * step.value;
    let possible = step.value != 0 && most.checked_sub(offset).map(largest) >= Some(least);
    if !possible {
        return Err(table.refuse("step", &step.value, "no number of frames would be possible"));
    }
    Ok(FramesRule { step, offset, least, most })
}

fn range(table: &Table<'_>) -> Result<(u32, u32), Error> {
    let (least, most) = (table.required("least")?, table.required("most")?);
    if least > most {
        return Err(table.refuse("least", &least, "it is not above `most`"));
    }
    Ok((least, most))
}

fn advised_range(table: &Table<'_>, key: &str) -> Result<Option<Range>, Error> {
    let Some(range) = table.table(key, RANGE)? else { return Ok(None) };
    let (least, most) = (range.required::<f64>("least")?, range.required("most")?);
    if least > most {
        return Err(range.refuse("least", &least, "it is not above `most`"));
    }
    Ok(Some(Range { least, most, source: range.source()? }))
}

fn stage(table: &Table<'_>) -> Result<Stage, Error> {
    let steps = table.figure::<u32>("steps")?;
    if steps.as_ref().is_some_and(|steps| steps.value == 0) {
        return Err(table.refuse("steps", &0, "it is above 0"));
    }
    Ok(Stage {
        node: table.required("node")?,
        guider: table.optional("guider")?,
        sampler: table.figure("sampler")?,
        sampler_node: table.optional("sampler_node")?,
        scheduler: table.figure("scheduler")?,
        scheduler_node: table.optional("scheduler_node")?,
        steps,
        cfg: table.figure("cfg")?,
        second_cfg: table.figure("cfg2")?,
        start: table.figure("start")?,
        end: table.figure("end")?,
        split: table.figure("split")?,
        sigmas: table.list("sigmas")?,
    })
}
