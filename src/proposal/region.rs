//! A set of pixels.

/// Bits of one word of a mask.
const WORD: usize = u64::BITS as usize;

/// A class-agnostic region: a non-empty set of pixels at the working size of its
/// [`Proposals`](super::Proposals).
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// One bit for each pixel, row-major, the lowest bit of the first word first.
    words: Vec<u64>,
    width: usize,
    height: usize,
    area: u32,
    bounding_box: [u32; 4],
    salience: f32,
}

impl Region {
    /// A region of these pixels, row-major indices.
    pub(super) fn new(
        width: usize,
        height: usize,
        pixels: impl Iterator<Item = usize>,
        bounding_box: [u32; 4],
        salience: f32,
    ) -> Self {
        let mut words = vec![0; (width * height).div_ceil(WORD)];
        let mut area = 0;
        for pixel in pixels {
            words[pixel / WORD] |= 1 << (pixel % WORD);
            area += 1;
        }
        Self {
            words,
            width,
            height,
            area,
            bounding_box,
            salience,
        }
    }

    /// The number of pixels of the region.
    #[must_use]
    pub fn area(&self) -> u32 {
        self.area
    }

    /// The smallest upright rectangle around the region, `[x, y, width, height]`.
    #[must_use]
    pub fn bounding_box(&self) -> [u32; 4] {
        self.bounding_box
    }

    /// Whether the region holds the pixel in this column and row; nothing is held outside the working
    /// size.
    #[must_use]
    pub fn contains(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.holds(y * self.width + x)
    }

    /// The pixels of the region, row-major indices, ascending.
    pub fn pixels(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let rest = std::iter::successors(Some(word), |word| Some(word & (word - 1)));
            rest.take_while(|word| *word != 0)
                .map(move |word| index * WORD + word.trailing_zeros() as usize)
        })
    }

    /// How much the region looks like what a person means by pointing into it: how much it looks
    /// like one thing, and a little how large it is.
    pub(super) fn appeal(&self) -> f32 {
        self.salience * (self.area as f32).sqrt().sqrt()
    }

    fn holds(&self, pixel: usize) -> bool {
        self.words[pixel / WORD] >> (pixel % WORD) & 1 == 1
    }
}
