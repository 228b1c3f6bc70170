//! The exact set of tensors that a network of a given architecture has.

use super::manifest::Part;
use crate::clip::{ClipConfig, GuideConfig, VisionConfig, vit_name};
use crate::quant::Role;

/// A tensor that a bundle must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) part: Part,
    pub(crate) role: Role,
}

impl Expected {
    /// Rows, and numbers in each: the first axis and the product of the others.
    pub(crate) fn rows_and_cols(&self) -> (usize, usize) {
        let cols = self.shape.iter().skip(1).product();
        (self.shape.first().copied().unwrap_or(1), cols)
    }
}

/// All tensors of a guide, in the order in which shards hold them.
pub(crate) fn expected_guide(config: &GuideConfig) -> Vec<Expected> {
    let mut list = List {
        part: Part::Guide,
        tensors: Vec::new(),
    };
    list.guide(config);
    list.tensors
}

/// All tensors of a CLIP, in the order in which shards hold them.
pub(crate) fn expected(config: &ClipConfig) -> Vec<Expected> {
    let v = &config.vision;
    let t = &config.text;
    let mut list = List {
        part: Part::Vision,
        tensors: Vec::new(),
    };
    let embeddings = "vision_model.embeddings";
    list.vector(format!("{embeddings}.class_embedding"), &[v.width]);
    list.patches(
        format!("{embeddings}.patch_embedding.weight"),
        &[v.width, 3, v.patch, v.patch],
    );
    list.vector(
        format!("{embeddings}.position_embedding.weight"),
        &[1 + v.grid() * v.grid(), v.width],
    );
    list.norm("vision_model.pre_layrnorm", v.width);
    for layer in 0..v.layers {
        list.block(&VisionConfig::block(layer), v.width, v.mlp);
    }
    list.norm("vision_model.post_layernorm", v.width);
    list.projection(
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
    list.projection(
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
    fn push(&mut self, name: String, shape: &[usize], role: Role) {
        self.tensors.push(Expected {
            name,
            shape: shape.to_vec(),
            part: self.part,
            role,
        });
    }

    fn vector(&mut self, name: String, shape: &[usize]) {
        self.push(name, shape, Role::Vector);
    }

    fn matrix(&mut self, name: String, shape: &[usize]) {
        self.push(name, shape, Role::Inner);
    }

    fn patches(&mut self, name: String, shape: &[usize]) {
        self.push(name, shape, Role::Patches);
    }

    fn projection(&mut self, name: String, shape: &[usize]) {
        self.push(name, shape, Role::Projection);
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

    /// What FOUND uses of DINO: of the last block only the keys.
    fn guide(&mut self, guide: &GuideConfig) {
        let v = &guide.tower;
        let embeddings = "guide.embeddings";
        self.vector(format!("{embeddings}.cls_token"), &[1, 1, v.width]);
        let projection = format!("{embeddings}.patch_embeddings.projection");
        self.patches(
            format!("{projection}.weight"),
            &[v.width, 3, v.patch, v.patch],
        );
        self.vector(format!("{projection}.bias"), &[v.width]);
        self.vector(
            format!("{embeddings}.position_embeddings"),
            &[1, 1 + v.grid() * v.grid(), v.width],
        );
        let renamed = self.tensors.len();
        let last = v.layers - 1;
        for layer in 0..last {
            self.block(&format!("guide.encoder.layer.{layer}"), v.width, v.mlp);
        }
        let last = format!("guide.encoder.layer.{last}");
        self.norm(&format!("{last}.layer_norm1"), v.width);
        self.linear(&format!("{last}.self_attn.k_proj"), v.width, v.width);
        for tensor in &mut self.tensors[renamed..] {
            tensor.name = vit_name(&tensor.name);
        }
        self.vector("guide.head.weight".into(), &[1, v.width]);
        self.vector("guide.head.bias".into(), &[1]);
    }
}
