//! What a sentence may ask for besides the task.

use crate::names::{Medium, Task, words};

words! {
    /// How a picture or a video shall look.
    ///
    /// ```
    /// assert_eq!(model_registry::Style::from_word("pixel-art"), Some(model_registry::Style::PixelArt));
    /// ```
    Style {
        /// Like a photograph or a film.
        Photo = "photo",
        /// Like a Japanese cartoon.
        Anime = "anime",
        /// Drawn: comics, cartoons, sketches, concept art.
        Illustration = "illustration",
        /// Painted.
        Painting = "painting",
        /// Like a picture of a 3D scene.
        Render = "render",
        /// Of few, visible pixels.
        PixelArt = "pixel-art",
        /// Designed: logos, icons, posters, charts, letters.
        Graphic = "graphic",
    }
}

words! {
    /// What the result or the making of it has to meet.
    ///
    /// ```
    /// assert_eq!(model_registry::Need::from_word("large-size"), Some(model_registry::Need::LargeSize));
    /// ```
    Need {
        /// Words in the picture that can be read.
        Text = "text",
        /// Soon done.
        Fast = "fast",
        /// As good as it gets.
        Quality = "quality",
        /// Sold, or used by a business.
        Commercial = "commercial",
        /// Made with little memory.
        Small = "small",
        /// Very many pixels, as for print.
        LargeSize = "large-size",
        /// A video or a piece of more than about ten seconds.
        Long = "long",
        /// A video with sound or speech.
        Sound = "sound",
        /// A picture without a background.
        Transparent = "transparent",
        /// Sung words.
        Vocals = "vocals",
        /// No sung words.
        Instrumental = "instrumental",
    }
}

impl Style {
    /// Whether asking for a look means something for a task: many keep that of what is given.
    pub(super) fn applies_to(task: Task) -> bool {
        let keeps = matches!(
            task,
            Task::Outpaint
                | Task::ImageToLayers
                | Task::ImageUpscale
                | Task::VideoUpscale
                | Task::MotionTransfer
                | Task::CharacterReplacement
                | Task::LipSync
        );
        !keeps && matches!(task.makes(), Medium::Image | Medium::Video)
    }
}

impl Need {
    /// Whether asking for it means something for a task. Where the task is not known, anything may.
    pub(super) fn applies_to(self, task: Option<Task>) -> bool {
        let Some(task) = task else { return true };
        match self {
            Self::Text => matches!(task.makes(), Medium::Image | Medium::Video),
            Self::Sound => task.makes() == Medium::Video,
            Self::Transparent => task.makes() == Medium::Image,
            Self::Vocals | Self::Instrumental => {
                matches!(task, Task::TextToMusic | Task::MusicCover)
            }
            Self::Long => matches!(task.makes(), Medium::Video | Medium::Audio),
            Self::LargeSize => matches!(task.makes(), Medium::Image | Medium::Video),
            Self::Fast | Self::Quality | Self::Commercial | Self::Small => true,
        }
    }
}

words! {
    /// What counts more.
    ///
    /// ```
    /// assert_eq!(model_registry::Priority::from_word("speed"), Some(model_registry::Priority::Speed));
    /// ```
    Priority {
        /// How good the result is.
        Quality = "quality",
        /// How soon it is there.
        Speed = "speed",
        /// Both alike, unless the sentence says otherwise.
        Balanced = "balanced",
    }
}
