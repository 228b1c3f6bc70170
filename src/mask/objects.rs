//! What an export writes: the objects of a picture, each with outline, area, box and score.

use serde::Serialize;

use super::contour::{Span, regions};
use super::outline::smooth;
use super::{LabelMap, Legend, LegendEntry, Polygon, Rle};
use crate::{Error, Result};

/// How objects are made of a label map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectOptions {
    /// Whether every connected part of a class is an object of its own. Pixels are connected by
    /// their edges, as those of one [`Polygon`] are: parts that touch in a corner alone would make
    /// an outline that meets itself, which formats and their readers take in different ways.
    pub instances: bool,
    /// How far outlines may be from the edges between pixels, in pixels, to be smooth; 0 = along
    /// these edges.
    pub tolerance: f64,
}

impl Default for ObjectOptions {
    fn default() -> Self {
        Self {
            instances: false,
            tolerance: 0.5,
        }
    }
}

/// A class in a picture, or a connected part of it.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its class.
    pub class: u8,
    /// How sure the model is of it, 0..=1, if that is known.
    pub score: Option<f32>,
    /// The connected parts, in the order of their first pixel.
    pub polygons: Vec<Polygon<f64>>,
    /// In reading order.
    spans: Vec<Span>,
    size: [u32; 2],
}

impl Object {
    /// Number of pixels.
    #[must_use]
    pub fn area(&self) -> u64 {
        let lengths = self.spans.iter().map(|span| span.end - span.start);
        lengths.map(u64::from).sum()
    }

    /// The smallest upright rectangle around the pixels, `[x, y, width, height]`.
    #[must_use]
    pub fn bounding_box(&self) -> [u32; 4] {
        let bounds = self.spans.iter().fold(
            [u32::MAX, u32::MAX, 0, 0],
            |[left, top, right, bottom], span| {
                [
                    left.min(span.start),
                    top.min(span.row),
                    right.max(span.end),
                    bottom.max(span.row + 1),
                ]
            },
        );
        let [left, top, right, bottom] = bounds;
        [left, top, right - left, bottom - top]
    }

    /// The pixels as COCO's run lengths.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture has 2³² pixels or more; [`Error::OutOfMemory`] if its pixels
    /// do not fit in memory.
    pub fn rle(&self) -> Result<Rle> {
        let [left, top, width, height] = self.bounding_box();
        let mut inside = crate::image::allocate(width as usize * height as usize)?;
        for span in &self.spans {
            let row = (span.row - top) as usize * width as usize;
            let pixels = row + (span.start - left) as usize..row + (span.end - left) as usize;
            inside[pixels].fill(1);
        }
        let part = LabelMap::new(width, height, inside)?;
        Rle::from_class_at(&part, 1, [left, top], self.size)
    }

    /// The pixels as runs outside, inside, outside, … of its box, row by row. Only the first can be
    /// empty.
    pub(super) fn row_runs(&self) -> Vec<u64> {
        let [left, top, width, height] = self.bounding_box();
        let place =
            |row: u32, x: u32| u64::from(row - top) * u64::from(width) + u64::from(x - left);
        let mut runs = Vec::new();
        let mut end = 0;
        for span in &self.spans {
            let (from, to) = (place(span.row, span.start), place(span.row, span.end));
            match runs.last_mut() {
                Some(inside) if from == end => *inside += to - from,
                _ => runs.extend([from - end, to - from]),
            }
            end = to;
        }
        let after = u64::from(width) * u64::from(height) - end;
        runs.extend((after > 0).then_some(after));
        runs
    }

    /// Whether any of its parts has a hole.
    #[must_use]
    pub fn has_holes(&self) -> bool {
        self.polygons.iter().any(|part| !part.holes.is_empty())
    }

    /// The indices of its pixels in a map, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = usize> {
        let width = self.size[0] as usize;
        self.spans.iter().flat_map(move |span| {
            let row = span.row as usize * width;
            row + span.start as usize..row + span.end as usize
        })
    }
}

/// The objects of a map by class, parts of one in the order of their first pixel. They have no
/// scores, which the map does not know.
///
/// # Errors
///
/// [`Error::Input`] if the tolerance is no distance; [`Error::OutOfMemory`] if the outlines do not
/// fit in memory.
pub fn objects(map: &LabelMap, options: &ObjectOptions) -> Result<Vec<Object>> {
    let tolerance = options.tolerance;
    if !tolerance.is_finite() || tolerance < 0.0 {
        return Err(Error::input(format!(
            "a tolerance of {tolerance} is no distance in pixels; give 0 or more"
        )));
    }
    let mut regions = regions(map)?;
    // Stable, so that parts stay in order.
    regions.sort_by_key(|region| region.label);
    let outlines: Vec<&Polygon> = regions.iter().map(|region| &region.polygon).collect();
    let outlines = smooth(map, &outlines, tolerance);
    let mut objects: Vec<Object> = Vec::new();
    for (region, outline) in regions.into_iter().zip(outlines) {
        match objects.last_mut() {
            Some(object) if !options.instances && object.class == region.label => {
                object.polygons.push(outline);
                object.spans.extend(region.spans);
            }
            _ => objects.push(Object {
                class: region.label,
                score: None,
                polygons: vec![outline],
                spans: region.spans,
                size: [map.width, map.height],
            }),
        }
    }
    if !options.instances {
        for object in &mut objects {
            object.spans.sort_unstable();
        }
    }
    Ok(objects)
}

/// A picture with its objects, as exports take it.
#[derive(Debug, Clone, Copy)]
pub struct AnnotatedPicture<'a> {
    /// What readers look the picture up by: its file's name, or its path below the folder of all
    /// pictures with `/` between folders.
    pub file_name: &'a str,
    /// The labels of all pixels.
    pub map: &'a LabelMap,
    /// Names and colours of the classes.
    pub legend: &'a Legend,
    /// What is to be written.
    pub objects: &'a [Object],
    /// Whether they are parts of classes.
    pub instances: bool,
}

impl<'a> AnnotatedPicture<'a> {
    /// The objects with the entries of their classes.
    pub(super) fn named_objects(
        &self,
    ) -> Result<impl Iterator<Item = (&'a Object, &'a LegendEntry)> + use<'a>> {
        self.map.present_in(self.legend)?;
        let (objects, entries) = (self.objects, self.legend.entries());
        Ok(objects
            .iter()
            .map(move |object| (object, &entries[usize::from(object.class)])))
    }

    /// The file's name without its ending, with its folders.
    pub(super) fn stem(&self) -> &'a str {
        let name = self.file_name;
        let folders = name.rfind('/').map_or(0, |slash| slash + 1);
        match name[folders..].rfind('.') {
            Some(dot) if dot > 0 => &name[..folders + dot],
            _ => name,
        }
    }
}

/// A coordinate, written as a whole number where it is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coordinate(pub(super) f64);

impl Serialize for Coordinate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}
