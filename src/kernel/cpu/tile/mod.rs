//! The dot products of four rows with the eight outputs of a panel, by each instruction set of a
//! CPU that has one for them.
//!
//! All ways give the same integers.

// wasm without relaxed SIMD has a dot product of 16-bit numbers only; all others take bytes.
#[cfg(not(all(target_arch = "wasm32", not(target_feature = "relaxed-simd"))))]
mod bytes;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(not(target_arch = "wasm32"))]
mod plain;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod relaxed;
#[cfg(all(target_arch = "wasm32", not(target_feature = "relaxed-simd")))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

use super::layout::{ActivationBits, PANEL, Quad, TILE};

#[cfg(not(all(target_arch = "wasm32", not(target_feature = "relaxed-simd"))))]
pub(super) use bytes::{WidePanel, widen};
#[cfg(all(target_arch = "wasm32", not(target_feature = "relaxed-simd")))]
pub(super) use simd128::{WidePanel, widen};

/// The sums of a tile: `[row, output]`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(32))]
pub(super) struct Sums(pub(super) [[i32; PANEL]; TILE]);

/// A way to compute dot products.
#[derive(Debug, Clone, Copy)]
pub(super) struct DotKernel {
    pub(super) name: &'static str,
    /// Whether the quantised values of activations are read as signed, so that 128 has to be taken
    /// off those of 8 bits.
    signed: bool,
    /// Only [`available`] makes a `DotKernel`, of what the CPU can run.
    run: RunTile,
    /// Dot products for digits of 7 bits and weights of any size, if `run` adds up four products in 16
    /// bits.
    run_in_pairs: Option<RunTile>,
    /// What `run` does for as many tiles as go together, where that is faster.
    run_together: Option<RunTogether>,
}

type RunTile = fn(&[Quad], &[WidePanel], &mut Sums);

/// Tiles that go through a panel together: twelve rows of digits, whose sums of four outputs just fit the
/// registers and are more than the steps that one of them has to wait for the one before.
pub(super) const TOGETHER: usize = 3;

type RunTogether = fn([&[Quad]; TOGETHER], &[WidePanel], &mut [Sums; TOGETHER]);

impl DotKernel {
    /// What to take off a zero point.
    pub(super) fn offset(&self) -> i32 {
        if self.signed { 128 } else { 0 }
    }

    /// What turns an unsigned quantised value into that of this kernel, by exclusive or.
    pub(super) fn flip(&self) -> u8 {
        if self.signed { 0x80 } else { 0 }
    }

    /// Whether a dot product of bytes, added up in 32 bits, is one instruction.
    pub(super) fn is_direct(&self) -> bool {
        self.run_together.is_some()
    }

    /// Adds up, for every row of up to [`TOGETHER`] tiles and every output of the panel, the
    /// products of all steps.
    ///
    /// # Panics
    ///
    /// If a tile and the panel differ in length, or there are more tiles than that.
    #[inline]
    pub(super) fn run(
        &self,
        tiles: &[&[Quad]],
        panel: &[WidePanel],
        bits: ActivationBits,
        sums: &mut [Sums; TOGETHER],
    ) {
        for rows in tiles {
            assert_eq!(rows.len(), panel.len(), "steps of a row and of a panel");
        }
        match (<[&[Quad]; TOGETHER]>::try_from(tiles), self.run_together) {
            (Ok(tiles), Some(run)) => run(tiles, panel, sums),
            _ => {
                let run = match (bits, self.run_in_pairs) {
                    (ActivationBits::B14, Some(run)) => run,
                    _ => self.run,
                };
                for (rows, sums) in tiles.iter().zip(&mut sums[..tiles.len()]) {
                    run(rows, panel, sums);
                }
            }
        }
    }
}

/// The fastest way that this machine has.
pub(super) fn chosen() -> DotKernel {
    static CHOSEN: OnceLock<DotKernel> = OnceLock::new();
    *CHOSEN.get_or_init(|| available()[0])
}

/// Every way that this machine has, the fastest first; there is always one.
pub(super) fn available() -> Vec<DotKernel> {
    #[cfg(target_arch = "wasm32")]
    {
        #[cfg(target_feature = "relaxed-simd")]
        return relaxed::available();
        #[cfg(not(target_feature = "relaxed-simd"))]
        return vec![simd128::KERNEL];
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let kernels: [Vec<DotKernel>; 3] = [
            #[cfg(target_arch = "x86_64")]
            x86::available(),
            #[cfg(not(target_arch = "x86_64"))]
            Vec::new(),
            #[cfg(target_arch = "aarch64")]
            vec![neon::KERNEL],
            #[cfg(not(target_arch = "aarch64"))]
            Vec::new(),
            vec![plain::KERNEL],
        ];
        kernels.concat()
    }
}
