//! OpenAI's own files, `ViT-B-16.pt` and its like: `TorchScript` archives whose tensors are named
//! as OpenCLIP's are. The architecture is in the shapes, the rest is the same for all of them.

use super::files::Files;
use super::model::{
    CLIP_MEAN, CLIP_STD, ClipWeights, HeadCount, LayoutInfo, NORM_EPS, Tower, assemble,
};
use super::tensors::Tensors;
use super::{Published, open_clip, tokenizer};
use crate::error::{Error, Result};
use crate::kernel::Activation;

/// Whether these are the tensors of such a file: a program, or what was taken from one.
pub(super) fn is(tensors: &Tensors) -> bool {
    let named = tensors.names().any(|name| name.starts_with("visual."));
    named && (tensors.is_scripted() || tensors.shape("input_resolution").is_some())
}

pub(super) fn open(files: &dyn Files, names: &[String], tensors: Tensors) -> Result<Published> {
    if tensors
        .names()
        .any(|name| name.starts_with("visual.layer1."))
    {
        return Err(Error::unsupported(format!(
            "{} is a CLIP with a ResNet. Only those with a ViT can be imported: ViT-B-32, ViT-B-16, ViT-L-14.",
            tensors.title()
        )));
    }
    let tower = Tower {
        heads: HeadCount::Width(64),
        activation: Activation::QuickGelu,
        norm_eps: NORM_EPS,
    };
    let info = LayoutInfo {
        layout: "OpenAI",
        vision: tower,
        text: tower,
        pixel_mean: CLIP_MEAN,
        pixel_std: CLIP_STD,
        logit_scale: None,
        highest_id: true,
    };
    let table = open_clip::table(&tensors);
    let weights = ClipWeights::new(tensors, table)?;
    let tokenizer = tokenizer::find(files, names, weights.vocabulary()?)?;
    assemble(weights, &info, tokenizer)
}
