//! The closed lists of words in the data files.

/// An enum whose variants are words of the data files.
macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word, as data files and callers spell it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What a word means. It must be spelled exactly.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::read::Word for $name {
            const WORDS: &'static [&'static str] = &[$($word,)+];

            fn from_word(word: &str) -> Option<Self> {
                $name::from_word(word)
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What a model is asked to do.
    ///
    /// ```
    /// use model_registry::Task;
    /// assert_eq!(Task::from_word("text-to-video"), Some(Task::TextToVideo));
    /// assert_eq!(Task::from_word("t2v"), None);
    /// ```
    Task {
        /// A picture from a text.
        TextToImage = "text-to-image",
        /// A picture changed as a text says, often with further pictures to look at.
        ImageEdit = "image-edit",
        /// A masked part of a picture made anew.
        Inpaint = "inpaint",
        /// A picture made larger by what lies around it.
        Outpaint = "outpaint",
        /// A picture taken apart into layers.
        ImageToLayers = "image-to-layers",
        /// A picture from a text and the edges, depth or pose of another.
        ControlledImage = "controlled-image",
        /// A picture made larger or sharper.
        ImageUpscale = "image-upscale",
        /// A video from a text.
        TextToVideo = "text-to-video",
        /// A video that begins with a picture.
        ImageToVideo = "image-to-video",
        /// A video between two pictures.
        FirstLastFrame = "first-last-frame",
        /// A video of what other pictures show.
        ReferenceToVideo = "reference-to-video",
        /// A video that moves to a sound.
        AudioToVideo = "audio-to-video",
        /// A video changed as a text or another video says.
        VideoEdit = "video-edit",
        /// A picture that moves as a video does.
        MotionTransfer = "motion-transfer",
        /// Somebody in a video replaced by somebody else.
        CharacterReplacement = "character-replacement",
        /// A video made larger or sharper.
        VideoUpscale = "video-upscale",
        /// Lips that move to a speech.
        LipSync = "lip-sync",
        /// Music, with or without words.
        TextToMusic = "text-to-music",
        /// Music after other music.
        MusicCover = "music-cover",
        /// Sounds.
        TextToAudio = "text-to-audio",
        /// Speech.
        TextToSpeech = "text-to-speech",
        /// A 3D model from a text.
        TextTo3d = "text-to-3d",
        /// A 3D model of what a picture shows.
        ImageTo3d = "image-to-3d",
        /// A 3D model of what several views show.
        MultiviewTo3d = "multiview-to-3d",
        /// Gaussian splats of what a picture shows.
        ImageToSplat = "image-to-splat",
    }
}

impl Task {
    /// What comes out of it.
    ///
    /// ```
    /// use model_registry::{Medium, Task};
    /// assert_eq!(Task::LipSync.makes(), Medium::Video);
    /// ```
    pub fn makes(self) -> Medium {
        match self {
            Self::TextToImage
            | Self::ImageEdit
            | Self::Inpaint
            | Self::Outpaint
            | Self::ImageToLayers
            | Self::ControlledImage
            | Self::ImageUpscale => Medium::Image,
            Self::TextToVideo
            | Self::ImageToVideo
            | Self::FirstLastFrame
            | Self::ReferenceToVideo
            | Self::AudioToVideo
            | Self::VideoEdit
            | Self::MotionTransfer
            | Self::CharacterReplacement
            | Self::VideoUpscale
            | Self::LipSync => Medium::Video,
            Self::TextToMusic | Self::MusicCover | Self::TextToAudio | Self::TextToSpeech => {
                Medium::Audio
            }
            Self::TextTo3d | Self::ImageTo3d | Self::MultiviewTo3d | Self::ImageToSplat => {
                Medium::Model3d
            }
        }
    }
}

words! {
    /// What comes out.
    ///
    /// ```
    /// assert_eq!(model_registry::Medium::Model3d.as_str(), "3d");
    /// ```
    Medium {
        /// Pictures.
        Image = "image",
        /// Videos, with sound or without.
        Video = "video",
        /// Sound alone.
        Audio = "audio",
        /// 3D models.
        Model3d = "3d",
    }
}

words! {
    /// Where a model runs.
    ///
    /// ```
    /// assert_eq!(model_registry::Runs::from_word("api"), Some(model_registry::Runs::Api));
    /// ```
    Runs {
        /// On the server's own hardware: there are weights to download.
        Local = "local",
        /// Only at a paid service, through nodes that call it: there are no weights.
        Api = "api",
    }
}

words! {
    /// What stands behind the negative prompt in the official graph.
    ///
    /// ```
    /// assert_eq!(model_registry::Negative::Zeroed.as_str(), "zeroed");
    /// ```
    Negative {
        /// The graph has no place for one.
        None = "none",
        /// The positive prompt made zero: a text has no effect.
        Zeroed = "zeroed",
        /// A place for one, left empty.
        Empty = "empty",
        /// A text of the template's own.
        Text = "text",
    }
}

words! {
    /// How strongly the official index recommends a template, the strongest first.
    ///
    /// ```
    /// use model_registry::Recommendation;
    /// assert!(Recommendation::Top < Recommendation::Low);
    /// ```
    Recommendation {
        /// Before all others.
        Highly = "highly_recommended",
        /// Among the first.
        Top = "top",
        /// High.
        High = "high",
        /// Medium.
        Medium = "medium",
        /// Low.
        Low = "low",
        /// Kept for those who know it.
        Not = "not_recommended",
    }
}

words! {
    /// How young a template is in the official index, the youngest first.
    ///
    /// ```
    /// use model_registry::Age;
    /// assert!(Age::New < Age::Established);
    /// ```
    Age {
        /// Just added.
        New = "new",
        /// Added lately.
        Recent = "recent",
        /// No longer young.
        Current = "current",
        /// Long there.
        Established = "established",
    }
}

words! {
    /// How ComfyUI computes what a VAE needs. One VAE serves many families.
    ///
    /// ```
    /// assert_eq!(model_registry::VaeKind::from_word("wan-2.1"), Some(model_registry::VaeKind::Wan21));
    /// ```
    VaeKind {
        /// The picture VAE of Stable Diffusion, SDXL, SD3, FLUX.1 and Z-Image.
        Kl = "kl",
        /// That of FLUX.2, whose latents are packed four to one.
        Flux2 = "flux-2",
        /// That of Wan 2.1, which Qwen-Image has too.
        Wan21 = "wan-2.1",
        /// That of Wan 2.2 5B.
        Wan22 = "wan-2.2",
        /// That of `HunyuanVideo`, which Kandinsky 5 has too.
        HunyuanVideo = "hunyuan-video",
        /// That of `HunyuanVideo` 1.5.
        HunyuanVideo15 = "hunyuan-video-1.5",
        /// That of LTX-Video and LTX-2.
        Ltx = "ltx",
        /// That of Mage-Flow.
        Mage = "mage",
        /// None: the model works on pixels.
        Pixel = "pixel",
        /// The sound VAE of ACE-Step 1.
        Ace = "ace",
        /// The sound VAE of Stable Audio, which ACE-Step 1.5 has too.
        Oobleck = "oobleck",
    }
}
