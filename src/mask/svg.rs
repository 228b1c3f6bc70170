//! SVG: one path for each class.

use std::fmt::{Error as FormatError, Write};

use super::{LabelMap, Legend, Polygon, Ring, polygons};
use crate::{Error, Result};

/// The label map as an SVG document of the picture's size: one `path` for each class that has
/// pixels, filled by the even-odd rule in the class's colour, its name as title and label.
///
/// # Errors
///
/// [`Error::Input`] if the map uses a class that the legend lacks; [`Error::OutOfMemory`] if the
/// outlines do not fit in memory.
pub fn to_svg(map: &LabelMap, legend: &Legend) -> Result<String> {
    let by_class = polygons(map)?;
    let present = map.present_in(legend)?;
    let mut svg = String::new();
    let mut write = || -> Result<(), FormatError> {
        let (width, height) = (map.width, map.height);
        write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" "#
        )?;
        writeln!(
            svg,
            r#"viewBox="0 0 {width} {height}" shape-rendering="crispEdges">"#
        )?;
        for (class, entry, _) in &present {
            let (name, color) = (escape(&entry.name), entry.hex());
            write!(
                svg,
                r#"<path data-class="{class}" role="img" aria-label="{name}" "#
            )?;
            write!(svg, r#"fill="{color}" fill-rule="evenodd" d=""#)?;
            let regions = by_class.get(class).into_iter().flatten();
            for ring in regions.flat_map(Polygon::rings) {
                draw(&mut svg, ring)?;
            }
            writeln!(svg, r#""><title>{name}</title></path>"#)?;
        }
        writeln!(svg, "</svg>")
    };
    write().map_err(|error| Error::internal(format!("SVG: {error}")))?;
    Ok(svg)
}

/// One closed subpath, relative, with the shortest command for each line.
fn draw(svg: &mut String, ring: &Ring) -> Result<(), FormatError> {
    let mut points = ring.iter().map(|point| point.map(i64::from));
    let Some([mut x, mut y]) = points.next() else {
        return Ok(());
    };
    write!(svg, "M{x} {y}")?;
    for [to_x, to_y] in points {
        match (to_x - x, to_y - y) {
            (dx, 0) => write!(svg, "h{dx}")?,
            (0, dy) => write!(svg, "v{dy}")?,
            (dx, dy) => write!(svg, "l{dx} {dy}")?,
        }
        (x, y) = (to_x, to_y);
    }
    svg.push('z');
    Ok(())
}

/// Text for XML content and attributes: markup characters escaped, and what XML 1.0 forbids, the
/// control characters and the two noncharacters of the first plane, left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{FFFE}' | '\u{FFFF}' => (),
            control if control.is_control() => (),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unescape(text: &str) -> String {
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    proptest! {
        #[test]
        fn escape_loses_only_what_xml_forbids(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            prop_assert!(!escaped.chars().any(char::is_control));
            let allowed: String = text
                .chars()
                .filter(|c| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}'))
                .collect();
            prop_assert_eq!(unescape(&escaped), allowed);
        }
    }
}
