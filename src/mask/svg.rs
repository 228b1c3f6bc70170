//! SVG: one path for each object.

use std::fmt::{Error as FormatError, Write};

use super::xml::escape;
use super::{AnnotatedPicture, Object, Polygon, Ring};
use crate::{Error, Result};

/// The objects as an SVG document of the picture's size: one `path` for each, filled by the
/// even-odd rule in the colour of its class, the class's name as title and label.
///
/// # Errors
///
/// [`Error::Input`] if the map uses a class that the legend lacks.
pub fn to_svg(picture: &AnnotatedPicture<'_>) -> Result<String> {
    let objects = picture.named_objects()?;
    let mut svg = String::new();
    let write = || -> Result<(), FormatError> {
        let (width, height) = (picture.map.width, picture.map.height);
        write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" "#
        )?;
        write!(svg, r#"viewBox="0 0 {width} {height}""#)?;
        // Stairs of pixels are meant to be sharp; what is smooth is drawn smoothly.
        if picture.objects.iter().all(is_upright) {
            write!(svg, r#" shape-rendering="crispEdges""#)?;
        }
        writeln!(svg, ">")?;
        for (object, entry) in objects {
            let (class, name, color) = (object.class, escape(&entry.name), entry.hex());
            write!(
                svg,
                r#"<path data-class="{class}" role="img" aria-label="{name}" "#
            )?;
            write!(svg, r#"fill="{color}" fill-rule="evenodd" d=""#)?;
            for ring in object.polygons.iter().flat_map(Polygon::rings) {
                draw(&mut svg, ring)?;
            }
            writeln!(svg, r#""><title>{name}</title></path>"#)?;
        }
        writeln!(svg, "</svg>")
    };
    write().map_err(|error| Error::internal(format!("SVG: {error}")))?;
    Ok(svg)
}

/// Whether an object has only horizontal and vertical lines.
fn is_upright(object: &Object) -> bool {
    let mut rings = object.polygons.iter().flat_map(Polygon::rings);
    rings.all(|ring| {
        let mut lines = ring.iter().zip(ring.iter().cycle().skip(1));
        lines.all(|(a, b)| a[0].total_cmp(&b[0]).is_eq() || a[1].total_cmp(&b[1]).is_eq())
    })
}

/// One closed subpath, relative, with the shortest command for each line. Coordinates are halves of
/// pixels, which are written and added exactly.
fn draw(svg: &mut String, ring: &Ring<f64>) -> Result<(), FormatError> {
    let mut points = ring.iter();
    let Some(&[mut x, mut y]) = points.next() else {
        return Ok(());
    };
    write!(svg, "M{x} {y}")?;
    for &[to_x, to_y] in points {
        let (dx, dy) = (to_x - x, to_y - y);
        if dy == 0.0 {
            write!(svg, "h{dx}")?;
        } else if dx == 0.0 {
            write!(svg, "v{dy}")?;
        } else {
            write!(svg, "l{dx} {dy}")?;
        }
        (x, y) = (to_x, to_y);
    }
    svg.push('z');
    Ok(())
}
