//! A residual block of a transformer.

use std::cell::RefCell;

use super::layout::TILE;
use super::{
    ActivationBits, Attention, AttentionShape, Epilogue, LayerNorm, PackedLinear,
    QuantisedAttention, QuantisedRows,
};
use crate::parallel::{for_each_chunk, threads};

/// Rows that go through the feed-forward part together, which bounds the memory of its hidden
/// numbers: eleven times the twelve that go through a panel together.
const CHUNK: usize = 132;

/// Rows of short sequences that are projected together: enough to fill the kernels.
const BATCH: usize = 512;

thread_local! {
    /// What a thread works in. Blocks follow each other, and each finds the memory of the last one.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// What a block passes on between its steps, which all threads see.
    static BETWEEN: RefCell<Between> = RefCell::default();
}

#[derive(Default)]
struct Scratch {
    rows: QuantisedRows,
    attention: Attention,
    quantised_attention: QuantisedAttention,
    hidden: Vec<f32>,
}

#[derive(Default)]
struct Between {
    qkv: Vec<f32>,
    attended: Vec<f32>,
}

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

    /// The block as it was trained, in place, on all threads: rows are shared out for the projections
    /// and the feed-forward part, sequences or their queries for the attention. Answers are the same, to
    /// the bit, for any number of threads.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, tokens, width]`
    ///
    /// # Panics
    ///
    /// If `x` is not made of whole sequences.
    pub fn forward(&self, x: &mut [f32], tokens: usize, causal: bool) {
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
        let Between {
            mut qkv,
            mut attended,
        } = BETWEEN.take();
        for x in x.chunks_mut((BATCH / tokens).max(1) * sequence) {
            qkv.resize(3 * x.len(), 0.0);
            attended.resize(x.len(), 0.0);
            self.qkv_into(x, &mut qkv);
            self.attend(&qkv, shape, &mut attended);
            self.finish(&attended, x);
        }
        BETWEEN.set(Between { qkv, attended });
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
    pub fn qkv(&self, x: &[f32]) -> Vec<f32> {
        let mut qkv = vec![0.0; 3 * x.len()];
        self.qkv_into(x, &mut qkv);
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
    pub fn merge(&self, joined: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; joined.len()];
        Self::for_each_share(&mut out, self.width, |first, out, scratch| {
            let joined = &joined[first * self.width..][..out.len()];
            self.project(joined, Epilogue::Plain, out, scratch);
        });
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
    pub fn feed_forward(&self, x: &mut [f32]) {
        Self::for_each_share(x, self.width, |_, x, scratch| {
            self.feed_rows_forward(x, scratch);
        });
    }

    fn qkv_into(&self, x: &[f32], qkv: &mut [f32]) {
        let BlockParts {
            norm1, qkv: layer, ..
        } = &self.parts;
        Self::for_each_share(qkv, 3 * self.width, |first, qkv, Scratch { rows, .. }| {
            let x = &x[first * self.width..][..qkv.len() / 3];
            rows.fill_normed(x, norm1, layer.bits());
            layer.forward(rows, Epilogue::Plain, qkv);
        });
    }

    /// Attention within each sequence.
    fn attend(&self, qkv: &[f32], shape: AttentionShape, attended: &mut [f32]) {
        let sequence = shape.tokens * self.width;
        // A block of 14 bits is there to avoid what quantising keys and values loses.
        let coarse = self.parts.qkv.bits() == ActivationBits::B8;
        let quantised = coarse && QuantisedAttention::pays(shape.tokens);
        let attend = |qkv: &[f32], first: usize, out: &mut [f32]| {
            SCRATCH.with_borrow_mut(|scratch| {
                if quantised {
                    let attention = &mut scratch.quantised_attention;
                    attention.queries_from(first, qkv, shape, out);
                } else {
                    scratch.attention.queries_from(first, qkv, shape, out);
                }
            });
        };
        let sequences = || qkv.chunks_exact(3 * sequence);
        if sequences().len() >= threads() {
            for_each_chunk(attended, sequence, |index, out| {
                attend(&qkv[3 * index * sequence..][..3 * sequence], 0, out);
            });
            return;
        }
        let share = share_of(shape.tokens);
        for (qkv, attended) in sequences().zip(attended.chunks_exact_mut(sequence)) {
            for_each_chunk(attended, share * self.width, |index, out| {
                attend(qkv, index * share, out);
            });
        }
    }

    /// What follows the attention.
    fn finish(&self, attended: &[f32], x: &mut [f32]) {
        Self::for_each_share(x, self.width, |first, x, scratch| {
            let attended = &attended[first * self.width..][..x.len()];
            self.project(attended, Epilogue::Residual, x, scratch);
            self.feed_rows_forward(x, scratch);
        });
    }

    fn project(&self, joined: &[f32], end: Epilogue, out: &mut [f32], scratch: &mut Scratch) {
        self.parts.out.quantise(joined, &mut scratch.rows);
        self.parts.out.forward(&scratch.rows, end, out);
    }

    fn feed_rows_forward(&self, x: &mut [f32], Scratch { rows, hidden, .. }: &mut Scratch) {
        let BlockParts {
            norm2,
            fc1,
            activation,
            fc2,
            ..
        } = &self.parts;
        for x in x.chunks_mut(CHUNK * self.width) {
            rows.fill_normed(x, norm2, fc1.bits());
            hidden.resize(rows.rows() * fc1.output(), 0.0);
            fc1.forward(rows, *activation, hidden);
            fc2.quantise(hidden, rows);
            fc2.forward(rows, Epilogue::Residual, x);
        }
    }

    /// Gives each thread some rows of `width` numbers, with the number of the first and what it works in.
    ///
    /// # Panics
    ///
    /// If `out` is not made of whole rows.
    fn for_each_share(
        out: &mut [f32],
        width: usize,
        work: impl Fn(usize, &mut [f32], &mut Scratch) + Send + Sync,
    ) {
        assert!(
            out.len().is_multiple_of(width),
            "{} numbers in rows of {width}",
            out.len()
        );
        let share = share_of(out.len() / width);
        for_each_chunk(out, share * width, |index, out| {
            SCRATCH.with_borrow_mut(|scratch| work(index * share, out, scratch));
        });
    }
}

/// The rows of each thread, in whole tiles.
fn share_of(rows: usize) -> usize {
    rows.div_ceil(threads()).max(1).next_multiple_of(TILE)
}
