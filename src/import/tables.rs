//! The published layouts side by side: what each calls the tensors of a network, how it stores them,
//! and what its description calls the numbers that follow from them.
//! [`NamedTensors`](super::named::NamedTensors) follows the tables of tensors; nothing else depends on
//! a difference between the layouts' tensors.
//!
//! Their first column has the names of a bundle, those of Hugging Face's `CLIPModel` and `ViTModel`.

use crate::clip::ClipConfig;

/// What of a stored tensor is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Whole,
    /// One of the three equal parts that lie one above the other: query, key, value.
    Third(usize),
    /// A matrix that is stored the other way round.
    Transposed,
    /// A convolution of 1×1 as the matrix that it is.
    Pointwise,
}

use Take::{Pointwise, Third, Transposed, Whole};

/// The name in a bundle, the name in the layout, and what of it is meant. A `*` at the end stands
/// for any rest, such as `weight` and `bias`.
type TensorRow = (&'static str, &'static str, Take);

/// The tensors of a network.
#[derive(Debug)]
pub(super) struct TensorTable {
    /// What the names of blocks have before their number, in a bundle and in the layout.
    pub(super) towers: &'static [(&'static str, &'static str)],
    /// The tensors of each block, by what their names have behind the number.
    pub(super) block: &'static [TensorRow],
    /// All others.
    pub(super) others: &'static [TensorRow],
}

impl TensorTable {
    /// Where the layout has the tensor that a bundle calls `name`.
    pub(super) fn find(&self, name: &str) -> Option<(String, Take)> {
        let in_blocks = self.towers.iter().find_map(|(ours, theirs)| {
            let (number, rest) = name.strip_prefix(ours)?.split_once('.')?;
            let (stored, take) = row(self.block, rest)?;
            Some((format!("{theirs}{number}.{stored}"), take))
        });
        in_blocks.or_else(|| row(self.others, name))
    }
}

fn row(rows: &[TensorRow], name: &str) -> Option<(String, Take)> {
    rows.iter().find_map(|&(ours, theirs, take)| {
        let stored = match (ours.strip_suffix('*'), theirs.strip_suffix('*')) {
            (Some(ours), Some(theirs)) => theirs.to_owned() + name.strip_prefix(ours)?,
            _ => (name == ours).then(|| theirs.to_owned())?,
        };
        Some((stored, take))
    })
}

/// The tensors of a CLIP, and which others may lie beside them.
#[derive(Debug)]
pub(super) struct ClipTable {
    pub(super) tensors: TensorTable,
    /// What the names of the vision and of the text tower begin with.
    pub(super) towers: [&'static str; 2],
    /// First parts of names beyond which nothing belongs to a CLIP; all names do where there are none.
    pub(super) roots: &'static [&'static str],
    /// Last parts of names of what is computed anyway, such as masks and positions.
    pub(super) ignored: &'static [&'static str],
}

impl ClipTable {
    /// Whether a tensor that no plain CLIP has changes what a model computes.
    pub(super) fn matters(&self, name: &str) -> bool {
        let first = name.split('.').next().unwrap_or(name);
        let last = name.rsplit('.').next().unwrap_or(name);
        let outside = !self.roots.is_empty() && !self.roots.contains(&first);
        !outside && !self.ignored.contains(&last)
    }
}

/// Hugging Face's `CLIPModel`.
pub(super) static HUGGING_FACE: ClipTable = ClipTable {
    tensors: TensorTable {
        towers: &[],
        block: &[],
        others: &[("*", "*", Whole)],
    },
    towers: ["vision_model.", "text_model."],
    roots: &[
        "vision_model",
        "text_model",
        "visual_projection",
        "text_projection",
    ],
    ignored: &["position_ids"],
};

/// OpenCLIP's and OpenAI's names, with what those of the text tower begin with.
macro_rules! open_clip {
    ($text:literal, $text_tower:literal) => {
        ClipTable {
            tensors: TensorTable {
                towers: &[
                    (
                        "vision_model.encoder.layers.",
                        "visual.transformer.resblocks.",
                    ),
                    (
                        "text_model.encoder.layers.",
                        concat!($text, "transformer.resblocks."),
                    ),
                ],
                block: &[
                    ("layer_norm1.*", "ln_1.*", Whole),
                    ("self_attn.q_proj.*", "attn.in_proj_*", Third(0)),
                    ("self_attn.k_proj.*", "attn.in_proj_*", Third(1)),
                    ("self_attn.v_proj.*", "attn.in_proj_*", Third(2)),
                    ("self_attn.out_proj.*", "attn.out_proj.*", Whole),
                    ("layer_norm2.*", "ln_2.*", Whole),
                    ("mlp.fc1.*", "mlp.c_fc.*", Whole),
                    ("mlp.fc2.*", "mlp.c_proj.*", Whole),
                ],
                others: &[
                    (
                        "vision_model.embeddings.class_embedding",
                        "visual.class_embedding",
                        Whole,
                    ),
                    (
                        "vision_model.embeddings.patch_embedding.weight",
                        "visual.conv1.weight",
                        Whole,
                    ),
                    (
                        "vision_model.embeddings.position_embedding.weight",
                        "visual.positional_embedding",
                        Whole,
                    ),
                    // The spelling is Hugging Face's.
                    ("vision_model.pre_layrnorm.*", "visual.ln_pre.*", Whole),
                    ("vision_model.post_layernorm.*", "visual.ln_post.*", Whole),
                    ("visual_projection.weight", "visual.proj", Transposed),
                    (
                        "text_model.embeddings.token_embedding.weight",
                        concat!($text, "token_embedding.weight"),
                        Whole,
                    ),
                    (
                        "text_model.embeddings.position_embedding.weight",
                        concat!($text, "positional_embedding"),
                        Whole,
                    ),
                    (
                        "text_model.final_layer_norm.*",
                        concat!($text, "ln_final.*"),
                        Whole,
                    ),
                    (
                        "text_projection.weight",
                        concat!($text, "text_projection"),
                        Transposed,
                    ),
                    ("logit_scale", "logit_scale", Whole),
                ],
            },
            towers: ["visual.", $text_tower],
            roots: &[],
            ignored: &[
                "attn_mask",
                "logit_bias",
                "logit_scale",
                "input_resolution",
                "context_length",
                "vocab_size",
            ],
        }
    };
}

pub(super) static OPEN_CLIP: ClipTable = open_clip!("", "transformer.");

/// Newer models keep the text tower in a module of its own.
pub(super) static OPEN_CLIP_NESTED: ClipTable = open_clip!("text.", "text.");

/// Hugging Face's `ViTModel`.
pub(super) static VIT: TensorTable = TensorTable {
    towers: &[],
    block: &[],
    others: &[("guide.*", "*", Whole)],
};

/// A model that has a `ViTModel` within.
pub(super) static VIT_NESTED: TensorTable = TensorTable {
    towers: &[],
    block: &[],
    others: &[("guide.*", "vit.*", Whole)],
};

/// DINO's own checkpoints.
pub(super) static DINO: TensorTable = TensorTable {
    towers: &[("guide.encoder.layer.", "blocks.")],
    block: &[
        ("layernorm_before.*", "norm1.*", Whole),
        ("attention.attention.query.*", "attn.qkv.*", Third(0)),
        ("attention.attention.key.*", "attn.qkv.*", Third(1)),
        ("attention.attention.value.*", "attn.qkv.*", Third(2)),
        ("attention.output.dense.*", "attn.proj.*", Whole),
        ("layernorm_after.*", "norm2.*", Whole),
        ("intermediate.dense.*", "mlp.fc1.*", Whole),
        ("output.dense.*", "mlp.fc2.*", Whole),
    ],
    others: &[
        ("guide.embeddings.cls_token", "cls_token", Whole),
        ("guide.embeddings.position_embeddings", "pos_embed", Whole),
        (
            "guide.embeddings.patch_embeddings.projection.*",
            "patch_embed.proj.*",
            Whole,
        ),
    ],
};

/// The head of FOUND.
pub(super) static FOUND_HEAD: TensorTable = TensorTable {
    towers: &[],
    block: &[],
    others: &[
        ("guide.head.weight", "decoder.weight", Pointwise),
        ("guide.head.bias", "decoder.bias", Whole),
    ],
};

/// A part of the description of a CLIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Vision,
    Text,
    /// What stands beside the towers.
    Model,
}

impl Section {
    /// What a sentence has before the name of a setting.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Vision => "the vision tower's ",
            Self::Text => "the text tower's ",
            Self::Model => "",
        }
    }
}

/// Where a description has a number, what Hugging Face and OpenCLIP call it there, empty where a
/// description does not have it, and the number of the weights.
pub(super) type StatedRow = (
    Section,
    &'static str,
    &'static str,
    fn(&ClipConfig) -> usize,
);

/// The numbers that descriptions state although they follow from the weights.
pub(super) static STATED: [StatedRow; 11] = {
    use Section::{Model, Text, Vision};
    [
        (Vision, "hidden_size", "width", |c| c.vision.width),
        (Vision, "intermediate_size", "", |c| c.vision.mlp),
        (Vision, "num_hidden_layers", "layers", |c| c.vision.layers),
        (Vision, "image_size", "image_size", |c| c.vision.image_size),
        (Vision, "patch_size", "patch_size", |c| c.vision.patch),
        (Text, "hidden_size", "width", |c| c.text.width),
        (Text, "intermediate_size", "", |c| c.text.mlp),
        (Text, "num_hidden_layers", "layers", |c| c.text.layers),
        (Text, "vocab_size", "vocab_size", |c| c.text.vocabulary),
        (Text, "max_position_embeddings", "context_length", |c| {
            c.text.context
        }),
        (Model, "projection_dim", "embed_dim", |c| c.projection),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_follows_rows_blocks_and_rests() {
        let place = |table: &TensorTable, name: &str| table.find(name);
        let found = |stored: &str, take| Some((stored.to_owned(), take));
        let query = "text_model.encoder.layers.11.self_attn.k_proj.bias";
        assert_eq!(place(&HUGGING_FACE.tensors, query), found(query, Whole));
        assert_eq!(
            place(&OPEN_CLIP.tensors, query),
            found("transformer.resblocks.11.attn.in_proj_bias", Third(1))
        );
        assert_eq!(
            place(&OPEN_CLIP_NESTED.tensors, "text_projection.weight"),
            found("text.text_projection", Transposed)
        );
        let patches = "guide.embeddings.patch_embeddings.projection.bias";
        assert_eq!(place(&DINO, patches), found("patch_embed.proj.bias", Whole));
        assert_eq!(
            place(&VIT_NESTED, patches),
            found("vit.embeddings.patch_embeddings.projection.bias", Whole)
        );
        for (table, unknown) in [
            (
                &OPEN_CLIP.tensors,
                "text_model.encoder.layers.0.self_attn.x.bias",
            ),
            (&OPEN_CLIP.tensors, "text_model"),
            (&DINO, "guide.encoder.layer.0"),
            (&FOUND_HEAD, "guide.head.scale"),
        ] {
            assert_eq!(place(table, unknown), None, "{unknown}");
        }
    }

    #[test]
    fn matters_leaves_out_what_stands_beside_the_towers() {
        assert!(HUGGING_FACE.matters("vision_model.adapter.weight"));
        assert!(!HUGGING_FACE.matters("classifier.weight"));
        assert!(!HUGGING_FACE.matters("text_model.embeddings.position_ids"));
        assert!(OPEN_CLIP.matters("classifier.weight"));
        assert!(!OPEN_CLIP.matters("attn_mask"));
    }
}
