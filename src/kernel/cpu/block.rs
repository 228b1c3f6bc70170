//! A residual block of a transformer.

use super::{
    ActivationBits, Attention, AttentionShape, Epilogue, LayerNorm, PackedLinear,
    QuantisedAttention, QuantisedRows,
};

/// Rows that go through the feed-forward part together, which bounds the memory of its hidden
/// numbers: eleven times the twelve that go through a panel together.
const CHUNK: usize = 132;

/// Rows of short sequences that are projected together: enough to fill the kernels.
const BATCH: usize = 512;

/// What a block is made of.
#[derive(Debug, Clone)]
pub struct BlockParts {
    /// The layer norm before the attention.
    pub norm1: LayerNorm,
    /// Queries, keys and values side by side: `[3 · width, width]`.
    pub qkv: PackedLinear,
    /// The attention's output projection: `[width, width]`.
    pub out: PackedLinear,
    /// The layer norm before the feed-forward part.
    pub norm2: LayerNorm,
    /// The first linear layer of the feed-forward part: `[hidden, width]`.
    pub fc1: PackedLinear,
    /// The epilogue of `fc1`: the non-linearity.
    pub activation: Epilogue,
    /// The second linear layer of the feed-forward part: `[width, hidden]`.
    pub fc2: PackedLinear,
    /// Heads of the attention.
    pub heads: usize,
}

/// `x + attention(norm(x))`, then `x + feed_forward(norm(x))`.
#[derive(Debug, Clone)]
pub struct PackedBlock {
    parts: BlockParts,
    width: usize,
}

/// Memory that blocks work in, kept from one to the next.
#[derive(Debug, Default)]
pub struct BlockScratch {
    rows: QuantisedRows,
    attention: Attention,
    quantised_attention: QuantisedAttention,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    hidden: Vec<f32>,
}

impl PackedBlock {
    /// Puts a block together.
    ///
    /// # Panics
    ///
    /// If the parts do not fit each other.
    #[must_use]
    pub fn new(parts: BlockParts) -> Self {
        let width = parts.norm1.width();
        let hidden = parts.fc1.output();
        let shape = |layer: &PackedLinear| (layer.input(), layer.output());
        assert!(
            shape(&parts.qkv) == (width, 3 * width)
                && shape(&parts.out) == (width, width)
                && parts.norm2.width() == width
                && shape(&parts.fc1) == (width, hidden)
                && shape(&parts.fc2) == (hidden, width)
                && parts.heads > 0
                && width.is_multiple_of(parts.heads),
            "the parts of a block do not fit each other"
        );
        Self { parts, width }
    }

    /// Hidden size: the numbers of a token.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Heads of the attention.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.parts.heads
    }

    /// The block as it was trained, in place.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, tokens, width]`
    ///
    /// # Panics
    ///
    /// If `x` is not made of whole sequences.
    pub fn forward(&self, x: &mut [f32], tokens: usize, causal: bool, scratch: &mut BlockScratch) {
        let sequence = tokens * self.width;
        assert!(
            sequence > 0 && x.len().is_multiple_of(sequence),
            "{} numbers in sequences of {tokens} tokens of {}",
            x.len(),
            self.width
        );
        let shape = AttentionShape {
            tokens,
            width: self.width,
            heads: self.parts.heads,
            causal,
        };
        for x in x.chunks_mut((BATCH / tokens).max(1) * sequence) {
            let mut qkv = std::mem::take(&mut scratch.qkv);
            let mut attended = std::mem::take(&mut scratch.attended);
            self.qkv_into(x, scratch, &mut qkv);
            attended.resize(x.len(), 0.0);
            for (qkv, attended) in qkv
                .chunks_exact(3 * sequence)
                .zip(attended.chunks_exact_mut(sequence))
            {
                // A block of 14 bits is there to avoid what quantising keys and values loses.
                let coarse = self.parts.qkv.bits() == ActivationBits::B8;
                if coarse && QuantisedAttention::pays(tokens) {
                    scratch.quantised_attention.forward(qkv, shape, attended);
                } else {
                    scratch.attention.forward(qkv, shape, attended);
                }
            }
            self.parts.out.quantise(&attended, &mut scratch.rows);
            self.parts.out.forward(&scratch.rows, Epilogue::Residual, x);
            (scratch.qkv, scratch.attended) = (qkv, attended);
        }
        self.feed_forward(x, scratch);
    }

    /// Queries, keys and values of the normalised tokens, side by side.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, width]`
    /// - output: `[rows, 3 · width]`
    ///
    /// # Panics
    ///
    /// If `x` is not made of whole rows.
    #[must_use]
    pub fn qkv(&self, x: &[f32], scratch: &mut BlockScratch) -> Vec<f32> {
        let mut qkv = Vec::new();
        self.qkv_into(x, scratch, &mut qkv);
        qkv
    }

    /// The attention's output projection.
    ///
    /// # Shapes
    ///
    /// - `joined`: `[rows, width]`, the heads side by side
    /// - output: `[rows, width]`
    ///
    /// # Panics
    ///
    /// If `joined` is not made of whole rows.
    #[must_use]
    pub fn merge(&self, joined: &[f32], scratch: &mut BlockScratch) -> Vec<f32> {
        let mut out = vec![0.0; joined.len()];
        self.parts.out.quantise(joined, &mut scratch.rows);
        self.parts
            .out
            .forward(&scratch.rows, Epilogue::Plain, &mut out);
        out
    }

    /// `x + feed_forward(norm(x))`, in place.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, width]`
    ///
    /// # Panics
    ///
    /// If `x` is not made of whole rows.
    pub fn feed_forward(&self, x: &mut [f32], scratch: &mut BlockScratch) {
        let BlockParts {
            norm2,
            fc1,
            activation,
            fc2,
            ..
        } = &self.parts;
        for x in x.chunks_mut(CHUNK * self.width) {
            scratch.rows.fill_normed(x, norm2, fc1.bits());
            scratch
                .hidden
                .resize(scratch.rows.rows() * fc1.output(), 0.0);
            fc1.forward(&scratch.rows, *activation, &mut scratch.hidden);
            fc2.quantise(&scratch.hidden, &mut scratch.rows);
            fc2.forward(&scratch.rows, Epilogue::Residual, x);
        }
    }

    fn qkv_into(&self, x: &[f32], scratch: &mut BlockScratch, qkv: &mut Vec<f32>) {
        let BlockParts {
            norm1, qkv: layer, ..
        } = &self.parts;
        scratch.rows.fill_normed(x, norm1, layer.bits());
        qkv.resize(3 * x.len(), 0.0);
        layer.forward(&scratch.rows, Epilogue::Plain, qkv);
    }
}
