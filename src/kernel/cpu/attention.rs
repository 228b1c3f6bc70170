//! Attention in f32, head by head, a panel of queries at a time.
//!
//! Lanes are queries. A panel's scores, `[keys, queries of the panel]`, are all of the score matrix
//! there ever is, and keys and values are read number by number from front to back:
//!
//! ```text
//! scores[key, query]     = Σ over numbers of a head   key · query     (softmax down the keys)
//! attended[number, query] = Σ over keys                value · score
//! ```
//!
//! Both sums are the same few lines, [`accumulate`].

use super::gelu::Functions;
use super::simd::{Simd, SimdOp, run};

/// Rows of the left matrix that are computed together.
const GROUP: usize = 4;
/// Registers of queries in a panel.
const WIDE: usize = 2;
/// The score of a key that is hidden: below every score there is, yet a number, because infinities
/// are told from numbers to find what is spoilt.
pub(super) const HIDDEN: f32 = -1e38;

/// The shape of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// Tokens that attend to each other.
    pub tokens: usize,
    /// Hidden size: the numbers of a token, all heads together.
    pub width: usize,
    /// Number of heads, of which `width` is a multiple.
    pub heads: usize,
    /// Whether a token attends only to itself and those before it.
    pub causal: bool,
}

impl AttentionShape {
    /// # Panics
    ///
    /// If what goes in or what comes out has another size.
    pub(super) fn check(self, projected: &[f32], out: &[f32]) {
        let Self {
            tokens,
            width,
            heads,
            ..
        } = self;
        assert!(
            heads > 0
                && width.is_multiple_of(heads)
                && projected.len() == 3 * tokens * width
                && out.len() == tokens * width,
            "{} projected numbers and {} of room for {self:?}",
            projected.len(),
            out.len()
        );
    }

    /// A token's numbers for a head: its query, key or value, as `kind` is 0, 1 or 2.
    #[inline(always)]
    pub(super) fn part(self, projected: &[f32], head: usize, token: usize, kind: usize) -> &[f32] {
        let size = self.width / self.heads;
        &projected[(3 * token + kind) * self.width + head * size..][..size]
    }
}

/// Attention, with the memory it works in.
#[derive(Debug, Clone, Default)]
pub struct Attention {
    /// Keys of a head, four interleaved: `[⌈keys / 4⌉, size][4]`
    keys: Vec<[f32; GROUP]>,
    /// Values of a head, four numbers at a time: `[⌈size / 4⌉, keys][4]`
    values: Vec<[f32; GROUP]>,
    /// Queries of a panel: `[size, queries]`
    queries: Vec<f32>,
    /// Scores of a panel: `[keys, queries]`
    scores: Vec<f32>,
    /// Four numbers of each query of a panel.
    attended: Vec<[f32; GROUP]>,
}

impl Attention {
    /// `softmax(q · kᵀ / √size) · v` for every head.
    ///
    /// # Shapes
    ///
    /// - `projected`: `[tokens, 3 · width]`, queries, keys and values of all heads side by side
    /// - `out`: `[tokens, width]`
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn forward(&mut self, projected: &[f32], shape: AttentionShape, out: &mut [f32]) {
        shape.check(projected, out);
        self.queries_from(0, projected, shape, out);
    }

    /// Attention for the queries from `first` on that there is room for: `out` is `[queries, width]`.
    pub(super) fn queries_from(
        &mut self,
        first: usize,
        projected: &[f32],
        shape: AttentionShape,
        out: &mut [f32],
    ) {
        if !out.is_empty() {
            run(AttentionOp {
                memory: self,
                projected,
                shape,
                first,
                out,
            });
        }
    }
}

struct AttentionOp<'a> {
    memory: &'a mut Attention,
    projected: &'a [f32],
    shape: AttentionShape,
    /// The first query, whose numbers are at the front of `out`.
    first: usize,
    out: &'a mut [f32],
}

impl SimdOp for AttentionOp<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let Self {
            memory,
            projected,
            shape,
            first: start,
            out,
        } = self;
        let AttentionShape {
            tokens,
            width,
            heads,
            causal,
        } = shape;
        let size = width / heads;
        let end = start + out.len() / width;
        for head in 0..heads {
            let part = |token, kind| shape.part(projected, head, token, kind);
            memory.take_keys(tokens, size, |token| part(token, 1));
            memory.take_values(tokens, size, |token| part(token, 2));
            for first in (start..end).step_by(WIDE * L::COUNT) {
                let count = (end - first).min(WIDE * L::COUNT);
                let seen = if causal { first + count } else { tokens };
                memory.take_queries(WIDE * L::COUNT, size, count, |query| part(first + query, 0));
                memory.score::<L>(size, seen);
                if causal {
                    memory.mask(WIDE * L::COUNT, first, seen);
                }
                let sums = softmax::<L>(&mut memory.scores);
                memory.attend::<L>(tokens, size, sums, count, |query, number, attended| {
                    let place = (first - start + query) * width + head * size + number;
                    let out = &mut out[place..place + attended.len()];
                    // Nearly always four, which is a move and not a call.
                    match (
                        <&mut [f32; GROUP]>::try_from(&mut *out),
                        attended.try_into(),
                    ) {
                        (Ok(out), Ok(attended)) => *out = attended,
                        _ => out.copy_from_slice(attended),
                    }
                });
            }
        }
    }
}

impl Attention {
    fn take_keys<'a>(&mut self, tokens: usize, size: usize, key: impl Fn(usize) -> &'a [f32]) {
        self.keys
            .resize(tokens.div_ceil(GROUP) * size, [0.0; GROUP]);
        for (group, keys) in self.keys.chunks_exact_mut(size).enumerate() {
            for place in 0..GROUP {
                // The last group repeats the last key; the scores of it are not kept.
                let key = key((group * GROUP + place).min(tokens - 1));
                for (keys, &number) in keys.iter_mut().zip(key) {
                    keys[place] = number;
                }
            }
        }
    }

    fn take_values<'a>(&mut self, tokens: usize, size: usize, value: impl Fn(usize) -> &'a [f32]) {
        self.values
            .resize(size.div_ceil(GROUP) * tokens, [0.0; GROUP]);
        for token in 0..tokens {
            let (groups, rest) = value(token).as_chunks::<GROUP>();
            for (values, group) in self.values.chunks_exact_mut(tokens).zip(groups) {
                values[token] = *group;
            }
            if !rest.is_empty() {
                self.values[groups.len() * tokens + token][..rest.len()].copy_from_slice(rest);
            }
        }
    }

    /// Takes `count` queries, scaled; the rest of the panel is zeros.
    fn take_queries<'a>(
        &mut self,
        panel: usize,
        size: usize,
        count: usize,
        query: impl Fn(usize) -> &'a [f32],
    ) {
        let scale = 1.0 / (size as f32).sqrt();
        self.queries.clear();
        self.queries.resize(panel * size, 0.0);
        for place in 0..count {
            for (queries, &number) in self.queries.chunks_exact_mut(panel).zip(query(place)) {
                queries[place] = number * scale;
            }
        }
    }

    /// Scores of the panel's queries for the first `seen` keys.
    #[inline(always)]
    fn score<L: Simd>(&mut self, size: usize, seen: usize) {
        let panel = WIDE * L::COUNT;
        self.scores.resize(seen * panel, 0.0);
        for (keys, scores) in self
            .keys
            .chunks_exact(size)
            .zip(self.scores.chunks_mut(GROUP * panel))
        {
            let group = accumulate::<L>(keys, &self.queries);
            for (scores, group) in scores.chunks_exact_mut(panel).zip(group) {
                for (scores, lanes) in scores.chunks_exact_mut(L::COUNT).zip(group) {
                    lanes.store(scores);
                }
            }
        }
    }

    /// Hides keys behind the query from it. Only keys from the panel's first query on can be.
    fn mask(&mut self, panel: usize, first: usize, seen: usize) {
        for key in first + 1..seen {
            self.scores[key * panel..][..(key - first).min(panel)].fill(HIDDEN);
        }
    }

    /// Values by softmax weights, for `count` queries. `put` receives up to four numbers of a query
    /// at a time.
    #[inline(always)]
    fn attend<L: Simd>(
        &mut self,
        tokens: usize,
        size: usize,
        sums: [L; WIDE],
        count: usize,
        mut put: impl FnMut(usize, usize, &[f32]),
    ) {
        let seen = self.scores.len() / (WIDE * L::COUNT);
        let shares = sums.map(|sum| L::splat(1.0).div(sum));
        self.attended.resize(WIDE * L::COUNT, [0.0; GROUP]);
        for (group, values) in self.values.chunks_exact(tokens).enumerate() {
            let attended = accumulate::<L>(&values[..seen], &self.scores);
            for (place, share) in shares.into_iter().enumerate() {
                let attended = attended.map(|lanes| lanes[place].mul(share));
                L::store_columns(attended, &mut self.attended[place * L::COUNT..]);
            }
            let first = group * GROUP;
            let kept = (size - first).min(GROUP);
            for (query, numbers) in self.attended[..count].iter().enumerate() {
                put(query, first, &numbers[..kept]);
            }
        }
    }
}

/// Sums over `i` of `left[i]`, four numbers, times `right[i]`, a panel's lanes.
#[inline(always)]
fn accumulate<L: Simd>(left: &[[f32; GROUP]], right: &[f32]) -> [[L; WIDE]; GROUP] {
    let mut sums = [[L::splat(0.0); WIDE]; GROUP];
    for (left, right) in left.iter().zip(right.chunks_exact(WIDE * L::COUNT)) {
        let right = [L::load(right), L::load(&right[L::COUNT..])];
        for (&left, sums) in left.iter().zip(&mut sums) {
            let left = L::splat(left);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = left.mul_add(right, *sum);
            }
        }
    }
    sums
}

/// Turns scores into `exp(score − the query's largest)` and returns the sums of them, NaN where a
/// score is not finite.
#[inline(always)]
fn softmax<L: Simd>(scores: &mut [f32]) -> [L; WIDE] {
    let mut largest = [L::splat(f32::NEG_INFINITY); WIDE];
    for scores in scores.chunks_exact(WIDE * L::COUNT) {
        for (largest, scores) in largest.iter_mut().zip(scores.chunks_exact(L::COUNT)) {
            *largest = largest.max(L::load(scores));
        }
    }
    let functions = Functions::get();
    let zero = L::splat(0.0);
    let mut sums = [zero; WIDE];
    let mut poison = [zero; WIDE];
    for scores in scores.chunks_exact_mut(WIDE * L::COUNT) {
        for (place, scores) in scores.chunks_exact_mut(L::COUNT).enumerate() {
            let below = L::load(scores).sub(largest[place]);
            let weight = functions.exp(below);
            weight.store(scores);
            sums[place] = sums[place].add(weight);
            poison[place] = below.mul_add(zero, poison[place]);
        }
    }
    std::array::from_fn(|place| sums[place].add(poison[place]))
}
