//! Weights of a linear layer, quantised and laid out for the dot products.
//!
//! ```text
//! panel 0: outputs 0..8     step 0: inputs 0..4    [output 0: 4 weights][output 1: 4 weights] … [output 7: 4 weights]
//!                           step 1: inputs 4..8    …
//! panel 1: outputs 8..16    …
//! ```
//!
//! A step is 32 bytes: one AVX2 register, two of wasm or NEON, each 32-bit lane an output's four
//! inputs. Inputs are filled up with zeros to a multiple of 16, outputs to one of 8.

use std::slice::ChunksExact;

use super::layout::{ActivationBits, CHUNK, PANEL, STEP, Step, padded};

/// The largest sum of the weights of one sign within a [group](heaviest), if they are multiplied with
/// digits of 8 bits.
///
/// 255 · 128 = 32,640 just stays within 16 bits. Rounding four weights may add 2.
const GROUP_LIMIT: f32 = 128.0;
const GROUP_AIM: f32 = GROUP_LIMIT - 2.0;

/// The weights of a linear layer in 8 bits, with its bias.
#[derive(Debug, Clone)]
pub struct PackedLinear {
    /// `[panels, steps a panel]`
    pub(super) steps: Vec<Step>,
    /// For each panel, what its outputs need besides.
    pub(super) outputs: Vec<Channels>,
    pub(super) input: usize,
    pub(super) output: usize,
    /// The precision of the rows that it takes.
    pub(super) bits: ActivationBits,
}

/// What belongs to the eight outputs of a panel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Channels {
    /// A weight is its quantised value times this.
    pub(super) scale: [f32; PANEL],
    pub(super) bias: [f32; PANEL],
    /// The sums of the quantised values, to take a zero point out of a dot product.
    pub(super) sum: [i32; PANEL],
}

/// A [`PackedLinear`] in the making, channel after channel.
#[derive(Debug)]
pub struct LinearPacker {
    layer: PackedLinear,
    /// Channels that are packed so far.
    channels: usize,
    /// The quantised weights of a channel, filled up.
    quantised: Vec<i8>,
}

impl LinearPacker {
    /// The most inputs that a layer may have. With more, a sum could leave 32 bits:
    /// 255 · 127 · 65,536 < 2³¹.
    pub const LARGEST_INPUT: usize = 65_536;

    /// A layer of so many inputs and as many outputs as there are biases, for rows of this precision.
    ///
    /// # Panics
    ///
    /// If there are no inputs, no outputs, or more than [`Self::LARGEST_INPUT`] inputs.
    #[must_use]
    pub fn new(input: usize, bias: &[f32], bits: ActivationBits) -> Self {
        assert!(!bias.is_empty(), "a linear layer without outputs");
        assert!(
            0 < input && input <= Self::LARGEST_INPUT,
            "a linear layer of {input} inputs"
        );
        let panels = bias.len().div_ceil(PANEL);
        let mut outputs = vec![Channels::default(); panels];
        for (channels, bias) in outputs.iter_mut().zip(bias.chunks(PANEL)) {
            channels.bias[..bias.len()].copy_from_slice(bias);
        }
        let layer = PackedLinear {
            steps: vec![Step([0; PANEL * STEP]); panels * padded(input) / STEP],
            outputs,
            input,
            output: bias.len(),
            bits,
        };
        let quantised = vec![0; padded(input)];
        Self {
            layer,
            channels: 0,
            quantised,
        }
    }

    /// Quantises the weights of the next channels.
    ///
    /// # Shapes
    ///
    /// - `weight`: `[channels, input]`, row-major, finite
    ///
    /// # Panics
    ///
    /// If `weight` is not made of whole channels, or there are too many.
    pub fn weights(&mut self, weight: &[f32]) {
        for row in self.rows(weight) {
            let scale = quantise_channel(row, self.layer.bits, &mut self.quantised);
            self.put(scale);
        }
    }

    /// Takes the weights of the next channels in 8 bits: a weight is its quantised value times the channel's
    /// scale. They stay as they are, unless the channel has to give up part of a bit (see the
    /// [module](super)).
    ///
    /// # Shapes
    ///
    /// - `values`: `[channels, input]`, row-major
    /// - `scales`: `[channels]`, finite
    ///
    /// # Panics
    ///
    /// If the shapes do not fit each other, or there are too many channels.
    pub fn quantised(&mut self, values: &[i8], scales: &[f32]) {
        let rows = self.rows(values);
        assert_eq!(rows.len(), scales.len(), "channels and scales");
        for (row, &scale) in rows.zip(scales) {
            self.quantised[..row.len()].copy_from_slice(row);
            let factor = match self.layer.bits {
                ActivationBits::B8 => lighten(&mut self.quantised),
                ActivationBits::B14 => 1.0,
            };
            self.put(scale * factor);
        }
    }

    /// The packed layer.
    ///
    /// # Panics
    ///
    /// If channels are missing.
    #[must_use]
    pub fn finish(self) -> PackedLinear {
        assert_eq!(self.channels, self.layer.output, "channels");
        self.layer
    }

    fn rows<'a, T>(&self, of: &'a [T]) -> ChunksExact<'a, T> {
        let rows = of.chunks_exact(self.layer.input);
        assert!(
            rows.remainder().is_empty() && self.channels + rows.len() <= self.layer.output,
            "{} weights for {} outputs of {} inputs",
            of.len(),
            self.layer.output - self.channels,
            self.layer.input
        );
        rows
    }

    /// Puts the quantised values of the next channel in their place.
    fn put(&mut self, scale: f32) {
        let (panel, lane) = (self.channels / PANEL, self.channels % PANEL);
        let count = self.quantised.len() / STEP;
        let steps = &mut self.layer.steps[panel * count..][..count];
        for (step, quantised) in steps.iter_mut().zip(self.quantised.as_chunks::<STEP>().0) {
            step.0.as_chunks_mut::<STEP>().0[lane] = *quantised;
        }
        let channels = &mut self.layer.outputs[panel];
        channels.scale[lane] = scale;
        channels.sum[lane] = self.quantised.iter().map(|&value| i32::from(value)).sum();
        self.channels += 1;
    }
}

impl PackedLinear {
    /// Quantises and packs a layer, for rows of this precision.
    ///
    /// # Shapes
    ///
    /// - `weight`: `[output, input]`, row-major, finite
    /// - `bias`: `[output]`
    ///
    /// # Panics
    ///
    /// If the shapes do not fit each other, an axis is empty, or there are more than 65,536 inputs.
    #[must_use]
    pub fn pack(weight: &[f32], bias: &[f32], bits: ActivationBits) -> Self {
        let mut packer = LinearPacker::new(weight.len() / bias.len().max(1), bias, bits);
        packer.weights(weight);
        packer.finish()
    }

    /// Input features: the length of a row that goes in.
    #[must_use]
    pub fn input(&self) -> usize {
        self.input
    }

    /// Output features: the length of a row that comes out.
    #[must_use]
    pub fn output(&self) -> usize {
        self.output
    }

    /// How finely the rows that go in are quantised.
    #[must_use]
    pub fn bits(&self) -> ActivationBits {
        self.bits
    }

    /// Bytes that the layer takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.steps) + size_of_val(&*self.outputs)
    }

    /// The panels, each with its steps.
    pub(super) fn panels(&self) -> impl Iterator<Item = (&[Step], &Channels)> {
        let steps_a_panel = padded(self.input) / STEP;
        self.steps.chunks_exact(steps_a_panel).zip(&self.outputs)
    }
}

/// Writes the quantised values of a channel's weights and returns their scale: the smallest with values within
/// ±127 and, where that matters, every group within its limit.
fn quantise_channel(row: &[f32], bits: ActivationBits, quantised: &mut [i8]) -> f32 {
    let largest = row.iter().fold(0.0f32, |m, w| m.max(w.abs()));
    let scale = largest / 127.0;
    // Quantised values that fit as they are stay as they are.
    if bits == ActivationBits::B14
        || scale < f32::MIN_POSITIVE
        || heaviest_group(row, 1.0 / scale) <= GROUP_LIMIT
    {
        round(row, scale, quantised);
        return scale;
    }
    // Rounding must not take a group over the limit again.
    let scale = scale.max(heaviest_group_unrounded(row) / GROUP_AIM);
    round(row, scale, quantised);
    scale
}

/// Makes the quantised values of a channel, whole groups of them, smaller where a group is over its limit.
/// Returns by how much the scale has grown.
fn lighten(quantised: &mut [i8]) -> f32 {
    let heaviest = f32::from(heaviest_quantised_group(quantised));
    if heaviest <= GROUP_LIMIT {
        return 1.0;
    }
    // Rounding must not take a group over the limit again.
    let factor = GROUP_AIM / heaviest;
    for value in quantised {
        *value = nearest(f32::from(*value) * factor);
    }
    factor.recip()
}

/// The largest sum of one sign among the groups of these quantised values.
///
/// Of every sixteen quantised values, half the lanes' sums are those of the first group, half of the second.
fn heaviest_quantised_group(quantised: &[i8]) -> i16 {
    const HALF: usize = CHUNK / 2;
    let mut most = [0i16; HALF];
    for quantised in quantised.as_chunks::<CHUNK>().0 {
        let quantised = quantised.map(i16::from);
        let of = |sign: i16| -> [i16; HALF] {
            std::array::from_fn(|i| {
                let first = i / STEP * 2 * STEP + i % STEP;
                (sign * quantised[first]).max(0) + (sign * quantised[first + STEP]).max(0)
            })
        };
        for sums in [of(1), of(-1)] {
            for (i, most) in most.iter_mut().enumerate() {
                *most = (*most).max(sums[i] + sums[i ^ 1]);
            }
        }
    }
    most.into_iter().max().unwrap_or(0)
}

/// The nearest quantised values, ties to even.
fn round(row: &[f32], scale: f32, quantised: &mut [i8]) {
    // An inverse that is not finite would turn zeros into NaN. Such weights are zero in effect.
    let inverse = if scale >= f32::MIN_POSITIVE {
        1.0 / scale
    } else {
        0.0
    };
    for (value, weight) in quantised.iter_mut().zip(row) {
        *value = nearest(weight * inverse);
    }
}

/// The nearest quantised value of a number within ±127, to even at a tie.
#[inline(always)]
fn nearest(x: f32) -> i8 {
    // Beside this number the spacing of f32 is one, so that adding it rounds, and its lowest byte
    // is the quantised value: several at once, which a conversion that saturates is not.
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND).to_bits() as i8
}

/// The largest sum of one sign among the groups of the rounded quantised values.
fn heaviest_group(row: &[f32], inverse: f32) -> f32 {
    heaviest(row, |w| (w * inverse).round_ties_even())
}

fn heaviest_group_unrounded(row: &[f32]) -> f32 {
    heaviest(row, |w| w)
}

/// The largest sum of one sign among all groups: what one 16-bit lane adds up is a pair of one step
/// and the same pair of the next.
#[inline(always)]
fn heaviest(row: &[f32], value: impl Fn(f32) -> f32) -> f32 {
    let mut most = [0.0f32; STEP];
    let (groups, rest) = row.as_chunks::<{ 2 * STEP }>();
    let mut add = |group: &[f32; 2 * STEP]| {
        let group = group.map(&value);
        let of = |sign: f32| -> [f32; STEP] {
            std::array::from_fn(|i| (sign * group[i]).max(0.0) + (sign * group[i + STEP]).max(0.0))
        };
        for sums in [of(1.0), of(-1.0)] {
            for (i, most) in most.iter_mut().enumerate() {
                *most = most.max(sums[i] + sums[i ^ 1]);
            }
        }
    };
    groups.iter().for_each(&mut add);
    let mut last = [0.0; 2 * STEP];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
    most.into_iter().fold(0.0, f32::max)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    /// A layer of one channel, from quantised values and from the numbers they stand for.
    fn from_either(quantised: &[i8], bits: ActivationBits) -> [PackedLinear; 2] {
        let mut packer = LinearPacker::new(quantised.len(), &[0.0], bits);
        packer.quantised(quantised, &[0.031]);
        let weight: Vec<f32> = quantised.iter().map(|&c| f32::from(c) * 0.031).collect();
        [packer.finish(), PackedLinear::pack(&weight, &[0.0], bits)]
    }

    fn assert_alike([a, b]: &[PackedLinear; 2]) {
        assert!((a.outputs[0].scale[0] / b.outputs[0].scale[0] - 1.0).abs() < 1e-5);
        for (a, b) in a.steps.iter().zip(&b.steps) {
            // What lies between two quantised values may go either way.
            assert!(a.0.iter().zip(&b.0).all(|(a, b)| a.abs_diff(*b) <= 1));
        }
    }

    fn quantised(row: &[f32], bits: ActivationBits) -> (Vec<i8>, f32) {
        let mut quantised = vec![0; padded(row.len())];
        let scale = quantise_channel(row, bits, &mut quantised);
        (quantised, scale)
    }

    /// The promise that the 16-bit sums rest on.
    fn assert_groups_fit(quantised: &[i8]) {
        for eight in quantised.chunks_exact(2 * STEP) {
            for pair in [0, 2] {
                let group = [
                    eight[pair],
                    eight[pair + 1],
                    eight[pair + STEP],
                    eight[pair + STEP + 1],
                ];
                let sum = |sign: i32| -> i32 {
                    group
                        .iter()
                        .map(|&c| (sign * i32::from(c)).max(0))
                        .sum::<i32>()
                };
                assert!(255 * sum(1) <= i32::from(i16::MAX), "{group:?}");
                assert!(255 * sum(-1) <= -i32::from(i16::MIN), "{group:?}");
            }
        }
    }

    #[test]
    fn quantise_channel_keeps_outlier_channels() {
        // One large weight and small ones, as decoded from 8 bits.
        let expected: Vec<i8> = (0..64)
            .map(|i| if i == 9 { -127 } else { i % 3 - 1 })
            .collect();
        let row: Vec<f32> = expected.iter().map(|&c| f32::from(c) * 0.031).collect();
        let (quantised, scale) = quantised(&row, ActivationBits::B8);
        assert_eq!(quantised, expected);
        assert!((scale - 0.031).abs() < 1e-7);
    }

    #[test]
    fn pack_leaves_weights_alone_for_digits_of_7_bits() {
        let expected: Vec<i8> = (0..64)
            .map(|i| if i % 9 == 0 { -127 } else { 127 })
            .collect();
        let row: Vec<f32> = expected.iter().map(|&c| f32::from(c) * 0.031).collect();
        assert_eq!(quantised(&row, ActivationBits::B14).0, expected);
        assert_ne!(quantised(&row, ActivationBits::B8).0, expected);
    }

    #[test]
    fn pack_keeps_the_heaviest_channels_within_16_bits() {
        for row in [
            vec![1.0; 40],
            vec![-3.0e30; 16],
            (0..35)
                .map(|i| if i % 3 == 0 { -0.7 } else { 0.9 })
                .collect(),
        ] {
            let (quantised, scale) = quantised(&row, ActivationBits::B8);
            assert_groups_fit(&quantised);
            for (&value, weight) in quantised.iter().zip(&row) {
                assert!((f32::from(value) * scale - weight).abs() <= 0.502 * scale);
            }
        }
    }

    #[test]
    fn pack_makes_zeros_of_almost_zeros() {
        for row in [vec![0.0; 5], vec![1e-44; 17]] {
            let (quantised, _) = quantised(&row, ActivationBits::B8);
            assert!(quantised.iter().all(|&c| c == 0));
        }
    }

    proptest::proptest! {
        #[test]
        fn pack_fits_groups_and_stays_near(row in proptest::collection::vec(-10.0f32..10.0, 1..70)) {
            for bits in [ActivationBits::B8, ActivationBits::B14] {
                let (quantised, scale) = quantised(&row, bits);
                if bits == ActivationBits::B8 {
                    assert_groups_fit(&quantised);
                }
                for (&value, weight) in quantised.iter().zip(&row) {
                    proptest::prop_assert!((f32::from(value) * scale - weight).abs() <= 0.502 * scale);
                }
            }
        }
    }

    #[test]
    fn pack_keeps_stored_values_where_they_fit() {
        // The last group is not whole.
        let light: Vec<i8> = (0..35)
            .map(|i| if i == 9 { -127 } else { i % 3 - 1 })
            .collect();
        let heavy = [127i8, -127, 127, 127].repeat(9);
        for (quantised, bits, kept) in [
            (&light, ActivationBits::B8, true),
            (&heavy, ActivationBits::B8, false),
            (&heavy, ActivationBits::B14, true),
        ] {
            let layers = from_either(quantised, bits);
            assert_alike(&layers);
            let [layer, _] = layers;
            let packed: Vec<i8> = layer
                .steps
                .iter()
                .flat_map(|s| &s.0[..STEP])
                .copied()
                .collect();
            assert_eq!(packed[..quantised.len()] == quantised[..], kept);
            assert!(packed[quantised.len()..].iter().all(|&c| c == 0));
            let sum: i32 = packed.iter().map(|&c| i32::from(c)).sum();
            assert_eq!(layer.outputs[0].sum[0], sum);
        }
    }

    proptest::proptest! {
        #[test]
        fn pack_of_stored_values_is_that_of_their_numbers(
            mut quantised in proptest::collection::vec(-127i8..=127, 1..70),
        ) {
            quantised[0] = 127;
            for bits in [ActivationBits::B8, ActivationBits::B14] {
                let layers = from_either(&quantised, bits);
                assert_alike(&layers);
                if bits == ActivationBits::B8 {
                    let channel: Vec<i8> = layers[0].steps.iter().flat_map(|s| &s.0[..STEP]).copied().collect();
                    assert_groups_fit(&channel);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "channels")]
    fn packer_refuses_to_finish_before_all_channels() {
        let mut packer = LinearPacker::new(2, &[0.0; 3], ActivationBits::B8);
        packer.quantised(&[1; 4], &[1.0; 2]);
        let _ = packer.finish();
    }

    #[test]
    #[should_panic(expected = "7 weights for 2 outputs of 3 inputs")]
    fn packer_refuses_a_shape_that_does_not_fit() {
        let _ = PackedLinear::pack(&[0.0; 7], &[0.0; 2], ActivationBits::B8);
    }
}
