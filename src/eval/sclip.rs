//! The evaluation protocol of SCLIP (arXiv 2312.01597) and its followers, so that a number can stand
//! beside a paper's.
//!
//! The facts are those of `clip_segmentor.py` and `configs/cfg_*.py` in `wangf3014/SCLIP`:
//!
//! 1. The picture is brought to a short side of 336 pixels (COCO-Stuff 448, Cityscapes 560), its
//!    long side to 2048 at most, bilinearly and without antialiasing.
//! 2. Windows of 224 pixels every 112, the last one shifted inward to the picture's edge, each seen
//!    alone. A window's cosines with every name are interpolated to its pixels; where windows
//!    overlap, their mean counts. The means are interpolated to the size of the truth.
//! 3. Names are embedded with the 80 `ImageNet` templates. A softmax of the logit scale times the
//!    cosines goes over all *names*, the background's among them; then a class has the largest
//!    probability of its names.
//! 4. With an area threshold, classes that take no more than this share of the pixels of all
//!    classes but the background lose theirs to the class that is next. With a probability
//!    threshold, pixels whose class is less likely become background.
//!
//! | data set | short side | logit scale | probability | area |
//! | --- | ---: | ---: | ---: | ---: |
//! | VOC21 | 336 | 65 | 0.1 | 0.1 |
//! | Context60, COCO-Object | 336 | 50 | 0.1 | |
//! | VOC20, Context59, ADE20K | 336 | 40 | | |
//! | COCO-Stuff | 448 | 40 | | |
//! | Cityscapes | 560 | 40 | | |
//!
//! `CamVid`, which SCLIP does not measure, has this project's names and the values of VOC20.

use super::datasets::{ClassNames, DatasetKind};
use crate::clip::Grid;
use crate::dense::{Method, ScoreKind, ScoreMap};
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::progress::NoProgress;
use crate::refine::{Context, Refinement};
use crate::segmenter::{EncodeOptions, EncodedImage, Pipeline, Segmenter, Windows};

/// The longest side of a resized picture, in pixels.
const LONG_SIDE: f64 = 2048.0;

/// The windows of all data sets: side and stride in pixels.
const WINDOWS: Windows = Windows::Slide {
    size: 224,
    stride: 112,
};

/// How SCLIP's published code measures a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Sclip {
    /// The names of each class; where the background is a class, it is the first.
    pub names: Vec<Vec<String>>,
    /// Whether the first class is the background.
    pub has_background: bool,
    /// Pixels that the short side of a picture is brought to.
    pub short_side: u32,
    /// [`Windows::Slide`], or [`Windows::Whole`], as NACLIP and PEARL see VOC.
    pub windows: Windows,
    /// What cosines are multiplied with before the softmax.
    pub logit_scale: f32,
    /// Pixels whose class is less likely become background; 0 for none.
    pub prob_threshold: f32,
    /// Classes that take no more than this share of all pixels but the background's lose theirs;
    /// 0 for none.
    pub area_threshold: f32,
}

/// A picture that the vision tower has seen, a window at a time.
#[derive(Debug)]
pub(super) struct SclipView {
    /// Width and height of the resized picture.
    size: (u32, u32),
    windows: Vec<Window>,
}

#[derive(Debug)]
struct Window {
    image: EncodedImage,
    /// Left and top edge, width and height in the resized picture.
    place: [u32; 4],
}

/// A score for each name at each place, `[names, height, width]`.
#[derive(Debug, Clone, PartialEq)]
struct Plane {
    names: usize,
    width: usize,
    height: usize,
    values: Vec<f32>,
    kind: ScoreKind,
}

impl Sclip {
    /// What is published for a data set, with these names of its classes. Where the list has none
    /// for a background that is a class, the published ones stand in.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if a published list is broken.
    pub fn published(kind: DatasetKind, names: ClassNames) -> Result<Self> {
        let has_background = kind.has_background();
        let background = match names.background {
            _ if !has_background => None,
            Some(background) => Some(background),
            None => ClassNames::sclip(kind)?.and_then(|published| published.background),
        };
        let (logit_scale, prob_threshold, area_threshold) = match kind {
            DatasetKind::Voc21 => (65.0, 0.1, 0.1),
            DatasetKind::Context60 | DatasetKind::CocoObject => (50.0, 0.1, 0.0),
            _ => (40.0, 0.0, 0.0),
        };
        Ok(Self {
            names: background.into_iter().chain(names.classes).collect(),
            has_background,
            short_side: match kind {
                DatasetKind::CocoStuff => 448,
                DatasetKind::Cityscapes => 560,
                _ => 336,
            },
            windows: WINDOWS,
            logit_scale,
            prob_threshold,
            area_threshold,
        })
    }

    /// Whether a setting can be measured by this protocol.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if it cannot, saying why.
    pub fn supports(setting: &Pipeline) -> Result<()> {
        let refused = |what: &str, why: &str| {
            Err(Error::input(format!(
                "{what} cannot be measured by the protocol of SCLIP: {why}. Measure it with --protocol wordmask."
            )))
        };
        if !setting.method.is_dense() {
            return refused(
                setting.method.name(),
                "it has no cells that windows could be scored by",
            );
        }
        if setting.multi_scale {
            return refused(
                "multi-scale",
                "the protocol says at which scale windows are seen",
            );
        }
        let of_maskclip = |step: &&Refinement| {
            matches!(step, Refinement::KeySmoothing | Refinement::PromptDenoising)
        };
        match setting.refine.iter().find(of_maskclip) {
            Some(step) => refused(
                step.name(),
                "it works on the cells of a whole picture, which is seen in windows here",
            ),
            None => Ok(()),
        }
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a value is out of its range, naming it.
    pub fn check(&self) -> Result<()> {
        if !(self.logit_scale.is_finite() && self.logit_scale > 0.0) {
            return Err(Error::input(format!(
                "A logit scale of {} is not above zero.",
                self.logit_scale
            )));
        }
        for (what, value) in [
            ("threshold", self.prob_threshold),
            ("area threshold", self.area_threshold),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::input(format!(
                    "A {what} of {value} is not between 0 and 1."
                )));
            }
            if value > 0.0 && !self.has_background {
                return Err(Error::input(format!(
                    "A {what} gives pixels to the background, and this data set has none. Leave it out."
                )));
            }
        }
        match self.windows {
            Windows::Auto => Err(Error::internal("a protocol without windows")),
            Windows::Slide { size, stride } if size == 0 || stride == 0 || stride > size => {
                Err(Error::input(format!(
                    "Windows of {size} pixels every {stride} do not cover a picture. Give a side and a stride from 1 to it."
                )))
            }
            _ if self.short_side == 0 => {
                Err(Error::input("The picture size must be at least one pixel."))
            }
            _ => Ok(()),
        }
    }

    /// The unit vector of every name, class by class.
    pub(super) async fn embed(&self, segmenter: &Segmenter) -> Result<Vec<Vec<f32>>> {
        let names: Vec<&str> = self.names.iter().flatten().map(String::as_str).collect();
        segmenter
            .embed_names_imagenet(&names, &mut NoProgress)
            .await
    }

    /// Has the vision tower see a picture.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a window of the picture has no cell, or the picture is too large to be
    /// seen whole; [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do
    /// not fit in memory.
    pub(super) async fn see(
        &self,
        segmenter: &Segmenter,
        picture: &Picture,
        method: Method,
    ) -> Result<SclipView> {
        let size = resized(picture.width(), picture.height(), self.short_side);
        let resized = picture.resize_bilinear(size.0, size.1)?;
        let mut windows = Vec::new();
        for place in places(size, self.windows) {
            let image = see_window(segmenter, &resized, place, method).await?;
            windows.push(Window { image, place });
        }
        Ok(SclipView { size, windows })
    }

    /// Does what of a setting does not depend on words.
    pub(super) async fn prepare(
        &self,
        segmenter: &Segmenter,
        view: &SclipView,
        setting: &Pipeline,
    ) -> Result<()> {
        for Window { image, .. } in &view.windows {
            let (method, residual) = (setting.method, setting.residual);
            segmenter
                .cell_vectors(image, method, residual, &mut NoProgress)
                .await?;
        }
        Ok(())
    }

    /// A class for each pixel of the picture: where the background is a class, 0 is that.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the view is of another model or the method has no cell features;
    /// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the scores do not fit in
    /// memory.
    pub(super) async fn label(
        &self,
        segmenter: &Segmenter,
        view: &SclipView,
        vectors: &[Vec<f32>],
        setting: &Pipeline,
        picture: &Picture,
    ) -> Result<Vec<u8>> {
        let mut plane = self.scores(segmenter, view, vectors, setting).await?;
        for step in &setting.refine {
            plane = plane.refine(*step, picture).await?;
        }
        let size = (picture.width() as usize, picture.height() as usize);
        Ok(self.decide(&plane, size))
    }

    /// The scores of every name over the resized picture, overlapping windows averaged; seen whole,
    /// over its cells.
    async fn scores(
        &self,
        segmenter: &Segmenter,
        view: &SclipView,
        vectors: &[Vec<f32>],
        setting: &Pipeline,
    ) -> Result<Plane> {
        let kind = ScoreKind::Cosine {
            scale: self.logit_scale,
        };
        let mut windows = Vec::with_capacity(view.windows.len());
        for Window { image, place } in &view.windows {
            let (method, residual) = (setting.method, setting.residual);
            let cells = segmenter
                .cell_vectors(image, method, residual, &mut NoProgress)
                .await?;
            let cosines = Plane::from_cells(&cells, vectors, image.grid(), kind);
            if self.windows == Windows::Whole {
                return Ok(cosines);
            }
            windows.push((cosines, *place));
        }
        Plane::mean_of_windows(&windows, view.size)
    }

    /// Classes at another size: softmax over names, classes, and what is not kept of them.
    fn decide(&self, plane: &Plane, size: (usize, usize)) -> Vec<u8> {
        let mut kept = vec![true; self.names.len()];
        if self.area_threshold > 0.0 {
            let mut pixels = vec![0u64; self.names.len()];
            // Counted before pixels are rejected for being unlikely, as published.
            for label in self.most_likely(plane, size, &kept, 0.0) {
                pixels[usize::from(label)] += 1;
            }
            let all: u64 = pixels.iter().skip(1).sum();
            for (kept, pixels) in kept.iter_mut().zip(pixels).skip(1) {
                *kept = pixels as f32 > self.area_threshold * all as f32;
            }
        }
        self.most_likely(plane, size, &kept, self.prob_threshold)
    }

    /// The most likely class of each pixel among those kept, the background where that is less
    /// likely than the threshold. Classes that are not kept still take part in the softmax.
    fn most_likely(
        &self,
        plane: &Plane,
        size: (usize, usize),
        kept: &[bool],
        threshold: f32,
    ) -> Vec<u8> {
        let (width, height) = size;
        let mut labels = vec![0; width * height];
        let mut best = vec![0.0f32; width];
        plane.for_each_row(size, |y, rows| {
            let line = &mut labels[y * width..(y + 1) * width];
            best.fill(f32::NEG_INFINITY);
            let mut names = rows.chunks_exact(width);
            for (class, (of_class, kept)) in self.names.iter().zip(kept).enumerate() {
                for row in names.by_ref().take(of_class.len()) {
                    if !kept {
                        continue;
                    }
                    for ((best, label), score) in best.iter_mut().zip(&mut *line).zip(row) {
                        // The first of equals, as argmax takes it.
                        if *score > *best {
                            (*best, *label) = (*score, class as u8);
                        }
                    }
                }
            }
            if threshold > 0.0 {
                for (label, share) in line.iter_mut().zip(plane.probabilities(&best, rows)) {
                    if share < threshold {
                        *label = 0;
                    }
                }
            }
        });
        labels
    }
}

impl Plane {
    /// The scores of windows, each interpolated to its pixels, and their mean where they overlap.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if the scores do not fit in memory; [`Error::Internal`] if there are
    /// no windows.
    fn mean_of_windows(windows: &[(Self, [u32; 4])], (width, height): (u32, u32)) -> Result<Self> {
        let (first, _) = windows
            .first()
            .ok_or_else(|| Error::internal("a picture without windows"))?;
        let mut sum = Self::zeros(first, (width as usize, height as usize))?;
        let mut covered = vec![0.0f32; sum.width * sum.height];
        for (window, place) in windows {
            sum.add_window(window, *place);
            let [left, top, width, height] = place.map(|pixels| pixels as usize);
            for row in covered.chunks_exact_mut(sum.width).skip(top).take(height) {
                for count in &mut row[left..left + width] {
                    *count += 1.0;
                }
            }
        }
        for scores in sum.values.chunks_exact_mut(covered.len()) {
            for (score, count) in scores.iter_mut().zip(&covered) {
                *score /= count;
            }
        }
        Ok(sum)
    }

    /// No scores yet, of the same names and kind.
    fn zeros(like: &Self, (width, height): (usize, usize)) -> Result<Self> {
        let mut values = Vec::new();
        let length = like.names * width * height;
        values.try_reserve_exact(length).map_err(|_| {
            Error::out_of_memory(format!(
                "not enough memory for the scores of {} names on {width}x{height} pixels; give a smaller --size",
                like.names
            ))
        })?;
        values.resize(length, 0.0);
        Ok(Self {
            names: like.names,
            width,
            height,
            values,
            kind: like.kind,
        })
    }

    /// The cosine of every name with every cell.
    ///
    /// # Shapes
    ///
    /// - `cells`: `[rows · cols, projection]`, unit vectors
    /// - `vectors`: `[names, projection]`, unit vectors
    fn from_cells(cells: &[f32], vectors: &[Vec<f32>], grid: Grid, kind: ScoreKind) -> Self {
        let cosine =
            |word: &[f32], cell: &[f32]| -> f32 { word.iter().zip(cell).map(|(a, b)| a * b).sum() };
        let values = vectors.iter().flat_map(|word| {
            let cells = cells.chunks_exact(word.len());
            cells.map(move |cell| cosine(word, cell))
        });
        Self {
            names: vectors.len(),
            width: grid.cols,
            height: grid.rows,
            values: values.collect(),
            kind,
        }
    }

    /// Adds the scores of a window, interpolated to its pixels.
    fn add_window(&mut self, window: &Self, [left, top, width, height]: [u32; 4]) {
        let [left, top, width, height] = [left, top, width, height].map(|n| n as usize);
        let (line, plane) = (self.width, self.width * self.height);
        window.for_each_row((width, height), |y, rows| {
            for (name, row) in rows.chunks_exact(width).enumerate() {
                let start = name * plane + (top + y) * line + left;
                for (sum, score) in self.values[start..start + width].iter_mut().zip(row) {
                    *sum += score;
                }
            }
        });
    }

    async fn refine(self, step: Refinement, picture: &Picture) -> Result<Self> {
        let grid = Grid {
            rows: self.height,
            cols: self.width,
        };
        let scores = ScoreMap::new(self.names, grid, self.values, self.kind)?;
        let context = Context {
            cells: None,
            picture,
        };
        let refined = step.apply(scores, &context).await?;
        Ok(Self {
            names: refined.classes(),
            width: refined.grid().cols,
            height: refined.grid().rows,
            kind: refined.kind(),
            values: refined.values().to_vec(),
        })
    }

    /// Calls `visit` with the number of each row of pixels at another size and the row of every
    /// name, `[names, width]`: interpolated bilinearly, `align_corners` false.
    fn for_each_row(&self, (width, height): (usize, usize), mut visit: impl FnMut(usize, &[f32])) {
        let (across, down) = (axis(self.width, width), axis(self.height, height));
        let mut line = vec![0.0; self.width];
        let mut rows = vec![0.0; self.names * width];
        for (y, (top, bottom, below)) in down.into_iter().enumerate() {
            let planes = self.values.chunks_exact(self.width * self.height);
            for (row, plane) in rows.chunks_exact_mut(width).zip(planes) {
                let (upper, lower) = (&plane[top * self.width..], &plane[bottom * self.width..]);
                for ((place, upper), lower) in line.iter_mut().zip(upper).zip(lower) {
                    *place = (1.0 - below) * upper + below * lower;
                }
                for (score, (left, right, beyond)) in row.iter_mut().zip(&across) {
                    *score = (1.0 - beyond) * line[*left] + beyond * line[*right];
                }
            }
            visit(y, &rows);
        }
    }

    /// The probability among all names, of each pixel of a row, of a name that has this score.
    fn probabilities(&self, scores: &[f32], rows: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0f32; scores.len()];
        for row in rows.chunks_exact(scores.len()) {
            for ((sum, other), score) in sums.iter_mut().zip(row).zip(scores) {
                *sum += match self.kind {
                    ScoreKind::Cosine { scale } => (scale * (other - score)).exp(),
                    ScoreKind::Weight => other.max(0.0),
                };
            }
        }
        for (sum, score) in sums.iter_mut().zip(scores) {
            *sum = match self.kind {
                ScoreKind::Cosine { .. } => 1.0 / *sum,
                ScoreKind::Weight => score.max(0.0) / sum.max(f32::MIN_POSITIVE),
            };
        }
        sums
    }
}

/// Of each pixel of a line: the places before and after it and how far it lies towards the latter.
fn axis(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f64 / to as f64;
    let place = |pixel: usize| {
        let place = ((pixel as f64 + 0.5) * scale - 0.5).max(0.0);
        let before = (place as usize).min(from - 1);
        let after = (before + 1).min(from - 1);
        (before, after, (place - before as f64) as f32)
    };
    (0..to).map(place).collect()
}

/// The size of a picture at this short side, as mmcv's `rescale_size` rounds it.
fn resized(width: u32, height: u32, short_side: u32) -> (u32, u32) {
    let (short, long) = (width.min(height), width.max(height));
    let scale = (LONG_SIDE / f64::from(long)).min(f64::from(short_side) / f64::from(short));
    [width, height]
        .map(|side| ((f64::from(side) * scale + 0.5) as u32).max(1))
        .into()
}

/// The left and top edge, width and height of every window, row by row.
fn places((width, height): (u32, u32), windows: Windows) -> Vec<[u32; 4]> {
    let Windows::Slide { size, stride } = windows else {
        return vec![[0, 0, width, height]];
    };
    let starts = |side: u32| -> Vec<u32> {
        let last = side.saturating_sub(size);
        let before = (0..last).step_by(stride as usize);
        before.chain([last]).collect()
    };
    let row = |top: u32| {
        let place = move |left| [left, top, size.min(width), size.min(height)];
        starts(width).into_iter().map(place)
    };
    starts(height).into_iter().flat_map(row).collect()
}

async fn see_window(
    segmenter: &Segmenter,
    resized: &Picture,
    [left, top, width, height]: [u32; 4],
    method: Method,
) -> Result<EncodedImage> {
    let patch = segmenter.manifest().architecture.vision.patch as u32;
    // Pixels beyond the last whole patch are not seen; the cells are spread over them all the same.
    let (rows, cols) = (height / patch, width / patch);
    if rows == 0 || cols == 0 {
        return Err(Error::input(format!(
            "a window of {width}x{height} pixels has no patch of {patch}. Leave this picture out, or give a larger --size."
        )));
    }
    let window = resized.crop(left, top, cols * patch, rows * patch)?;
    let options = EncodeOptions {
        size: Some(rows.min(cols) * patch),
        method: Some(method),
        windows: Windows::Whole,
    };
    let image = segmenter.encode(window, &options, &mut NoProgress).await?;
    let grid = Grid {
        rows: rows as usize,
        cols: cols as usize,
    };
    if image.grid() != grid {
        return Err(Error::input(format!(
            "{width}x{height} pixels are too many to be seen at once. Give --windows 224,112."
        )));
    }
    Ok(image)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
