//! The exact set of tensors that a network of a given architecture has.

use super::manifest::Part;
use crate::clip::ClipConfig;

/// A tensor that a bundle must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) part: Part,
    /// Whether the integer schemes apply to it: matrices do, what is added or multiplied
    /// elementwise stays in floating point.
    pub(super) matrix: bool,
}

/// All tensors of a network, in the order in which shards hold them.
pub(super) fn expected(config: &ClipConfig) -> Vec<Expected> {
    let v = &config.vision;
    let t = &config.text;
    let mut list = List {
        part: Part::Vision,
        tensors: Vec::new(),
    };
    let embeddings = "vision_model.embeddings";
    list.vector(format!("{embeddings}.class_embedding"), &[v.width]);
    list.matrix(
        format!("{embeddings}.patch_embedding.weight"),
        &[v.width, 3, v.patch, v.patch],
    );
    list.vector(
        format!("{embeddings}.position_embedding.weight"),
        &[1 + v.grid() * v.grid(), v.width],
    );
    list.norm("vision_model.pre_layrnorm", v.width);
    for layer in 0..v.layers {
        list.block(
            &format!("vision_model.encoder.layers.{layer}"),
            v.width,
            v.mlp,
        );
    }
    list.norm("vision_model.post_layernorm", v.width);
    list.matrix(
        "visual_projection.weight".into(),
        &[config.projection, v.width],
    );

    list.part = Part::Text;
    let embeddings = "text_model.embeddings";
    list.matrix(
        format!("{embeddings}.token_embedding.weight"),
        &[t.vocabulary, t.width],
    );
    list.vector(
        format!("{embeddings}.position_embedding.weight"),
        &[t.context, t.width],
    );
    for layer in 0..t.layers {
        list.block(
            &format!("text_model.encoder.layers.{layer}"),
            t.width,
            t.mlp,
        );
    }
    list.norm("text_model.final_layer_norm", t.width);
    list.matrix(
        "text_projection.weight".into(),
        &[config.projection, t.width],
    );
    list.tensors
}

struct List {
    part: Part,
    tensors: Vec<Expected>,
}

impl List {
    fn push(&mut self, name: String, shape: &[usize], matrix: bool) {
        self.tensors.push(Expected {
            name,
            shape: shape.to_vec(),
            part: self.part,
            matrix,
        });
    }

    fn vector(&mut self, name: String, shape: &[usize]) {
        self.push(name, shape, false);
    }

    fn matrix(&mut self, name: String, shape: &[usize]) {
        self.push(name, shape, true);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.vector(format!("{name}.weight"), &[width]);
        self.vector(format!("{name}.bias"), &[width]);
    }

    fn linear(&mut self, name: &str, input: usize, output: usize) {
        self.matrix(format!("{name}.weight"), &[output, input]);
        self.vector(format!("{name}.bias"), &[output]);
    }

    fn block(&mut self, name: &str, width: usize, mlp: usize) {
        self.norm(&format!("{name}.layer_norm1"), width);
        for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            self.linear(&format!("{name}.self_attn.{projection}"), width, width);
        }
        self.norm(&format!("{name}.layer_norm2"), width);
        self.linear(&format!("{name}.mlp.fc1"), width, mlp);
        self.linear(&format!("{name}.mlp.fc2"), mlp, width);
    }
}
