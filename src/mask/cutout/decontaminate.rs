//! The colour that a thing has where its edge mixes with what is behind it.

use super::Matte;
use crate::image::Picture;
use crate::mask::matte::Window;

/// Gives the pixels of a thing their colours without what is behind.
///
/// As in blur fusion (Forté, "Approximate Fast Foreground Colour Estimation", 2021), a pixel of
/// colour `I` and alpha `a` takes weighted means `F` and `B` of the colours before and behind
/// around it, and gets `F + a (I - a F - (1 - a) B)`. The weights are the eighth powers of `a` and
/// `1 - a`, so that the means are of what is surely before and behind: that was the best of 1, 4
/// and 8.
pub(super) struct Decontaminator<'a> {
    colors: &'a [[u8; 3]],
    alpha: &'a [u8],
    size: (usize, usize),
    window: Window,
    /// The eighth power of each alpha, 0 to 1.
    surely: [f32; 256],
}

impl<'a> Decontaminator<'a> {
    pub(super) fn new(picture: &'a Picture, matte: &'a Matte, reach: usize) -> Self {
        Self {
            colors: picture.rgb().as_chunks().0,
            alpha: matte.alpha(),
            size: (picture.width() as usize, picture.height() as usize),
            window: Window::new(reach),
            surely: surely(),
        }
    }

    /// The colour and the alpha of a pixel. Nothing has no colour.
    pub(super) fn pixel(&self, (x, y): (usize, usize)) -> ([u8; 3], u8) {
        let at = y * self.size.0 + x;
        match self.alpha[at] {
            0 => ([0; 3], 0),
            u8::MAX => (self.colors[at], u8::MAX),
            alpha => (self.before((x, y), alpha), alpha),
        }
    }

    fn before(&self, (x, y): (usize, usize), alpha: u8) -> [u8; 3] {
        let (mut before, mut behind) = (Mean::default(), Mean::default());
        self.window.each(self.size, (x, y), |at, near| {
            let (alpha, color) = (usize::from(self.alpha[at]), self.colors[at]);
            before.add(near * self.surely[alpha], color);
            behind.add(near * self.surely[255 - alpha], color);
        });
        let own = self.colors[y * self.size.0 + x];
        let share = f32::from(alpha) / 255.0;
        let (before, behind) = (before.or(own), behind.or(own));
        std::array::from_fn(|channel| {
            let (before, behind) = (before[channel], behind[channel]);
            let mixed = share * before + (1.0 - share) * behind;
            let found = before + share * (f32::from(own[channel]) - mixed);
            found.round().clamp(0.0, 255.0) as u8
        })
    }
}

/// The eighth power of each alpha, 0 to 1: how surely a pixel is of the thing alone.
pub(super) fn surely() -> [f32; 256] {
    std::array::from_fn(|alpha| (alpha as f32 / 255.0).powi(8))
}

/// Below this weight a mean says nothing.
const LEAST: f32 = 1e-6;

/// A weighted mean of colours.
#[derive(Default)]
struct Mean {
    sum: [f32; 3],
    weight: f32,
}

impl Mean {
    fn add(&mut self, weight: f32, color: [u8; 3]) {
        for (sum, value) in self.sum.iter_mut().zip(color) {
            *sum += weight * f32::from(value);
        }
        self.weight += weight;
    }

    fn or(&self, other: [u8; 3]) -> [f32; 3] {
        if self.weight > LEAST {
            self.sum.map(|sum| sum / self.weight)
        } else {
            other.map(f32::from)
        }
    }
}
