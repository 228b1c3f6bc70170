//! How pictures are answered, and which names they are asked for.

use serde_json::{Value, json};

use super::datasets::Sample;
use super::save::Answer;
use super::sclip::{Sclip, SclipView};
use super::set::TestSet;
use crate::dense::Method;
use crate::error::{Error, Result};
use crate::mask::UNLABELLED;
use crate::progress::NoProgress;
use crate::prompt::Class;
use crate::segmenter::{
    Background, EncodeOptions, EncodedImage, Guidance, Options, Parameters, Pipeline, Segmenter,
    Windows,
};

/// How pictures are answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Protocol {
    /// The answers of [`Segmenter::segment`].
    Own(Own),
    /// The answers of SCLIP's published code.
    Sclip(Sclip),
}

/// How [`Segmenter::segment`] is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    /// Backgrounds to measure each setting with. Of pictures whose truth has a background, those
    /// pixels are not counted where there is none.
    pub backgrounds: Vec<Background>,
    /// Everything else; its method, refinements and background are not looked at.
    pub options: Options,
    /// How pictures are encoded; its method is not looked at.
    pub encode: EncodeOptions,
}

/// A picture that the vision tower has seen.
pub(super) enum SeenPicture {
    Own(Box<EncodedImage>),
    Sclip(SclipView),
}

/// What is computed once for all pictures.
pub(super) struct ClassQueries {
    classes: Vec<Class>,
    /// The vectors of the names of [`Sclip`].
    vectors: Vec<Vec<f32>>,
}

impl Protocol {
    /// The backgrounds that each setting is measured with.
    pub(super) fn backgrounds(&self) -> Vec<Background> {
        match self {
            Self::Own(own) => own.backgrounds.clone(),
            Self::Sclip(sclip) if sclip.has_background => {
                let names = sclip.names.first().cloned().unwrap_or_default();
                vec![Background::Words(names)]
            }
            Self::Sclip(_) => vec![Background::None],
        }
    }

    /// Refuses what cannot be measured.
    pub(super) fn check(&self, settings: &[Pipeline]) -> Result<()> {
        match self {
            Self::Own(_) => Ok(()),
            Self::Sclip(sclip) => {
                sclip.check()?;
                settings.iter().try_for_each(Sclip::supports)
            }
        }
    }

    /// The names that are asked for, class by class, the background's first where it is a class
    /// that has names.
    pub(super) fn names(&self, set: &TestSet) -> Vec<Vec<String>> {
        match self {
            Self::Own(_) => set.classes().into_iter().map(|class| class.names).collect(),
            Self::Sclip(sclip) => sclip.names.clone(),
        }
    }

    /// Every option, by name, as it takes effect with this model.
    pub(super) fn options(&self, segmenter: &Segmenter) -> Value {
        match self {
            Self::Own(own) => json!({
                "size": own.encode.size.unwrap_or(segmenter.manifest().picture_size),
                "windows": windows(own.encode.windows),
                "threshold": own.options.threshold,
                "crops": own.options.parameters.crops,
                "guidance": own.options.parameters.guidance,
                "regions": own.options.parameters.regions,
                "logit_scale": segmenter.manifest().architecture.logit_scale,
                "templates": crate::prompt::templates_id(),
            }),
            Self::Sclip(sclip) => json!({
                "size": sclip.short_side,
                "windows": windows(sclip.windows),
                "threshold": sclip.prob_threshold,
                "area_threshold": sclip.area_threshold,
                "logit_scale": sclip.logit_scale,
                "templates": "imagenet-80",
            }),
        }
    }

    /// The name of the protocol, as options have it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Own(_) => "wordmask",
            Self::Sclip(_) => "sclip",
        }
    }

    /// Embeds all names, so that no picture's time holds that.
    pub(super) async fn embed(&self, segmenter: &Segmenter, set: &TestSet) -> Result<ClassQueries> {
        let classes = set.classes();
        let vectors = match self {
            Self::Own(own) => {
                for background in &own.backgrounds {
                    segmenter.embed_words(&classes, background).await?;
                }
                Vec::new()
            }
            Self::Sclip(sclip) => sclip.embed(segmenter).await?,
        };
        Ok(ClassQueries { classes, vectors })
    }

    /// Has the vision tower see a picture, for all settings.
    pub(super) async fn see(
        &self,
        segmenter: &Segmenter,
        sample: &Sample,
        settings: &[Pipeline],
    ) -> Result<SeenPicture> {
        let method = if settings.iter().any(|s| s.method.needs_hidden_states()) {
            Method::ScClip
        } else {
            Method::MaskClip
        };
        match self {
            Self::Own(own) => {
                let options = EncodeOptions {
                    method: Some(method),
                    ..own.encode
                };
                let picture = sample.picture.clone();
                let image = segmenter.encode(picture, &options, &mut NoProgress).await?;
                Ok(SeenPicture::Own(Box::new(image)))
            }
            Self::Sclip(sclip) => {
                let view = sclip.see(segmenter, &sample.picture, method).await?;
                Ok(SeenPicture::Sclip(view))
            }
        }
    }

    /// What [`Segmenter::segment`] is asked for one row.
    fn options_of(own: &Own, setting: &Pipeline, background: &Background) -> Options {
        let chosen = Options::from(setting.clone());
        Options {
            parameters: Parameters {
                residual: setting.residual,
                multi_scale: Some(setting.multi_scale),
                ..own.options.parameters
            },
            background: background.clone(),
            threshold: own.options.threshold,
            ..chosen
        }
    }

    /// Does what of a setting does not depend on words.
    pub(super) async fn prepare(
        &self,
        segmenter: &Segmenter,
        view: &SeenPicture,
        setting: &Pipeline,
        background: &Background,
    ) -> Result<()> {
        match (self, view) {
            (Self::Own(own), SeenPicture::Own(image)) => {
                let options = Self::options_of(own, setting, background);
                segmenter.prepare(image, &options, &mut NoProgress).await
            }
            (Self::Sclip(sclip), SeenPicture::Sclip(view)) => {
                sclip.prepare(segmenter, view, setting).await
            }
            _ => Err(Error::internal("a view of another protocol")),
        }
    }

    /// The answer in the numbers of the truth.
    pub(super) async fn answer(
        &self,
        segmenter: &Segmenter,
        (sample, view): (&Sample, &SeenPicture),
        words: &ClassQueries,
        setting: &Pipeline,
        background: &Background,
        counts_background: bool,
    ) -> Result<Answer> {
        let labels = match (self, view) {
            (Self::Own(own), SeenPicture::Own(image)) => {
                let options = Self::options_of(own, setting, background);
                let answer = segmenter
                    .label(image, &words.classes, &options, &mut NoProgress)
                    .await?;
                let labels = answer.labels().iter();
                if counts_background {
                    labels
                        .map(|&l| if l == UNLABELLED { 0 } else { l + 1 })
                        .collect()
                } else {
                    labels.copied().collect()
                }
            }
            (Self::Sclip(sclip), SeenPicture::Sclip(view)) => {
                sclip
                    .label(segmenter, view, &words.vectors, setting, &sample.picture)
                    .await?
            }
            _ => return Err(Error::internal("a view of another protocol")),
        };
        Ok(Answer {
            labels,
            has_background: counts_background,
        })
    }

    /// Whether a setting reads the cells of the whole picture, itself or for its guide.
    pub(super) fn uses_cells(&self, method: Method) -> bool {
        let guided = match self {
            Self::Own(own) => own.options.parameters.guidance == Guidance::Features,
            Self::Sclip(_) => false,
        };
        method.is_dense() || (method == Method::ClipDiy && guided)
    }
}

fn windows(windows: Windows) -> String {
    match windows {
        Windows::Auto => "auto".into(),
        Windows::Whole => "whole".into(),
        Windows::Slide { size, stride } => format!("{size},{stride}"),
    }
}
