//! What is probably wrong in a workflow, by what is known of its models.

use workflow_graph::{
    Input, Json, NodeId, Workflow,
    roles::{self, Found as FoundRole, ModelKind, Role, Roles},
};

use crate::{
    family::Family,
    figure::Source,
    fit::Fit,
    registry::Registry,
    resolve::{How, Resolution, file_name},
    variant::{FramesRule, SizeRule, Variant},
};

/// Something that the server would run and that is probably not meant.
///
/// ```
/// use model_registry::{Registry, Rule};
/// use workflow_graph::{Json, Workflow};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let json = Json::parse(br#"{
///     "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "fox_1_bf16.safetensors"}},
///     "2": {"class_type": "CLIPLoader", "inputs": {"clip_name": "fox_encoder.safetensors", "type": "sd3"}}
/// }"#)?;
/// let advice = registry.advise(&Workflow::from_json(&json)?);
/// assert_eq!((advice[0].rule, advice[0].node.as_str()), (Rule::EncoderType, "2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// Which rule it breaks.
    pub rule: Rule,
    /// The node where it is written.
    pub node: NodeId,
    /// The input where it is written.
    pub input: String,
    /// What is wrong, what would be right, and where that comes from.
    pub message: String,
    /// Where the figure comes from that is broken, or else the variants that it is read off.
    pub source: Source,
}

/// A rule that advice goes by.
///
/// ```
/// assert_eq!(model_registry::Rule::Frames.as_str(), "frames");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A width or height that the model's latents do not have.
    Size,
    /// A number of frames that the model's latents do not have.
    Frames,
    /// Guidance for a model that is run without.
    Cfg,
    /// A text encoder loaded for another model.
    EncoderType,
    /// A LoRA of a model that is built differently.
    Lora,
}

impl Rule {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Frames => "frames",
            Self::Cfg => "cfg",
            Self::EncoderType => "encoder_type",
            Self::Lora => "lora",
        }
    }
}

impl Registry {
    /// What is probably wrong in a workflow. Where it has models of several families, or of
    /// none that is known, there is nothing to go by and no advice.
    pub fn advise(&self, workflow: &Workflow) -> Vec<Advice> {
        let roles = roles::of(workflow);
        let Some((family, variants)) = self.only_family(&roles) else { return Vec::new() };
        let mut advice = Vec::new();
        let size = common(family, |variant| variant.size_rule.as_ref());
        advice
            .extend(size.into_iter().flat_map(|rule| wrong_sizes(family, rule, &roles, workflow)));
        let frames = common(family, |variant| variant.frames_rule.as_ref());
        advice.extend(frames.into_iter().flat_map(|rule| wrong_frames(family, rule, &roles)));
        if let Some(example) = run_without_cfg(&variants) {
            advice.extend(needless_cfg(family, example, &roles));
        }
        advice.extend(wrong_encoder_types(family, workflow));
        advice.extend(self.foreign_loras(family, &roles));
        advice
    }

    /// The one family that all diffusion models of a workflow belong to, and its variants that
    /// use these very files.
    fn only_family(&self, roles: &Roles) -> Option<(&Family, Vec<&Variant>)> {
        let mut only: Option<(&Family, Vec<&Variant>)> = None;
        let models = roles.models().filter(|found| {
            matches!(found.role, Role::Model(ModelKind::Checkpoint | ModelKind::Diffusion))
        });
        for file in models.filter_map(|found| found.value.as_str()) {
            let Resolution::Found(found) = self.resolve(file_name(file)) else { return None };
            let variants = if found.how == How::File { found.variants } else { Vec::new() };
            match &mut only {
                None => only = Some((found.family, variants)),
                Some((family, common)) if family.name == found.family.name => {
                    common.retain(|variant| variants.contains(variant));
                }
                Some(_) => return None,
            }
        }
        only
    }

    fn foreign_loras(&self, family: &Family, roles: &Roles) -> Vec<Advice> {
        let loras = roles.all(Role::Model(ModelKind::Lora));
        loras
            .filter_map(|found| {
                let file = found.value.as_str()?;
                let Fit::Foreign { users } = self.fit(family, file) else { return None };
                let titles: Vec<_> = users.iter().map(|user| user.title.as_str()).collect();
                let message = format!(
                    "the LoRA `{file}` is one of {}, which is built differently from {}",
                    titles.join(" and "),
                    family.title
                );
                let user = users.first()?;
                let of_file = user.file(file_name(file)).map(|known| &known.source);
                let of_variant = || user.variants.first().map(|variant| &variant.source);
                let source = of_file.or_else(of_variant)?;
                Some(advice(Rule::Lora, found, message, source))
            })
            .collect()
    }
}

fn advice(rule: Rule, found: &FoundRole, message: String, source: &Source) -> Advice {
    let (node, input) = (found.node.clone(), found.input.clone());
    Advice { rule, node, input, message, source: source.clone() }
}

/// A rule that all variants of a family agree on which have one.
pub(crate) fn common<'f, R: PartialEq>(
    family: &'f Family,
    rule: impl Fn(&'f Variant) -> Option<&'f R>,
) -> Option<&'f R> {
    let mut rules = family.variants.iter().filter_map(rule);
    let first = rules.next()?;
    rules.all(|other| other == first).then_some(first)
}

fn wrong_sizes(
    family: &Family,
    rule: &SizeRule,
    roles: &Roles,
    workflow: &Workflow,
) -> Vec<Advice> {
    let latents = family.latent_nodes();
    let sides = roles.all(Role::Width).chain(roles.all(Role::Height)).filter(|found| {
        // Elsewhere it is the size of a picture that is read, and the latent is cut to what it can be.
        workflow.node(&found.node).is_some_and(|node| {
            let takes_nothing = node.inputs().all(|(_, input)| matches!(input, Input::Literal(_)));
            takes_nothing || latents.contains(node.class_type().as_str())
        })
    });
    written_numbers(sides)
        .filter(|(_, pixels)| !rule.allows(*pixels))
        .map(|(found, pixels)| {
            let message = format!(
                "{} pixels: {} takes multiples of {} from {} to {}, such as {} ({})",
                pixels,
                family.title,
                rule.divisor.value,
                rule.least,
                rule.most,
                rule.nearest(pixels),
                rule.divisor.source.key()
            );
            advice(Rule::Size, found, message, &rule.divisor.source)
        })
        .collect()
}

fn wrong_frames(family: &Family, rule: &FramesRule, roles: &Roles) -> Vec<Advice> {
    written_numbers(roles.all(Role::Frames))
        .filter(|(_, frames)| !rule.allows(*frames))
        .map(|(found, frames)| {
            let message = format!(
                "{} frames: {} makes {} frames, such as {} ({})",
                frames,
                family.title,
                rule,
                rule.nearest(frames),
                rule.step.source.key()
            );
            advice(Rule::Frames, found, message, &rule.step.source)
        })
        .collect()
}

/// The whole numbers of a role that are what is used, not what it is computed from.
fn written_numbers<'f>(
    all: impl Iterator<Item = &'f FoundRole>,
) -> impl Iterator<Item = (&'f FoundRole, u64)> {
    let used = all.filter(|found| !found.computed);
    used.filter_map(|found| found.value.as_u64().map(|number| (found, number)))
}

/// A variant that shows that these files are run without guidance: all that use them are, and
/// none needs a LoRA for it.
fn run_without_cfg<'f>(variants: &[&'f Variant]) -> Option<&'f Variant> {
    let distilled = |variant: &&Variant| variant.runs_without_cfg() && variant.loras.is_empty();
    if variants.iter().all(distilled) { variants.first().copied() } else { None }
}

fn needless_cfg(family: &Family, example: &Variant, roles: &Roles) -> Vec<Advice> {
    let guided = roles
        .all(Role::Cfg)
        .filter(|found| found.value.as_f64().is_some_and(|cfg| (cfg - 1.0).abs() > f64::EPSILON));
    guided
        .map(|found| {
            let message = format!(
                "cfg {}: these files of {} are run at cfg 1 by the official template {}; more \
                 costs twice the time, and a negative prompt has an effect only then",
                found.value, family.title, example.template
            );
            advice(Rule::Cfg, found, message, &example.source)
        })
        .collect()
}

/// Loaders of text encoders have their input `type` in common.
fn wrong_encoder_types(family: &Family, workflow: &Workflow) -> Vec<Advice> {
    let right = family.encoder_types();
    let known = family.variants.iter().find(|variant| variant.encoder_types().next().is_some());
    let Some(known) = known else { return Vec::new() };
    let loaders = workflow.nodes().filter(|(_, node)| {
        let class = node.class_type().as_str();
        class.contains("CLIPLoader") && !class.contains("Vision")
    });
    let wrong = loaders.filter_map(|(id, node)| match node.input("type") {
        Some(Input::Literal(Json::String(word))) if !right.contains(&**word) => Some((id, word)),
        _ => None,
    });
    wrong
        .map(|(id, word)| Advice {
            rule: Rule::EncoderType,
            node: id.clone(),
            input: "type".to_owned(),
            message: format!(
                "the text encoder is loaded for `{word}`; {} takes {}",
                family.title,
                right.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            ),
            source: known.source.clone(),
        })
        .collect()
}
