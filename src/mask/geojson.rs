//! `GeoJSON` (RFC 7946) in pixel coordinates.

use serde::Serialize;

use super::{LabelMap, Legend, Point, Polygon, Ring, polygons};
use crate::{Error, Result};

#[derive(Serialize)]
struct FeatureCollection<'a> {
    r#type: &'static str,
    bbox: [u32; 4],
    features: Vec<Feature<'a>>,
}

#[derive(Serialize)]
struct Feature<'a> {
    r#type: &'static str,
    properties: Properties<'a>,
    geometry: Geometry,
}

#[derive(Serialize)]
struct Properties<'a> {
    class: u8,
    name: &'a str,
    color: String,
    pixels: u64,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Ring>),
    MultiPolygon(Vec<Vec<Ring>>),
}

/// The label map as the text of a `GeoJSON` feature collection: one feature for each class that
/// has pixels, a `Polygon` or `MultiPolygon`, with `class`, `name`, `color` and `pixels` as
/// properties.
///
/// Coordinates are pixels from the top left corner with y pointing down, not degrees; `bbox` is
/// the whole picture. Rings are closed, and wound as RFC 7946 asks, exteriors counterclockwise
/// and holes clockwise, when the numbers are read on axes with y pointing up, as map software
/// does (which then shows the picture upside down).
///
/// # Errors
///
/// [`Error::Input`] if the map uses a class that the legend lacks; [`Error::OutOfMemory`] if the
/// outlines do not fit in memory.
pub fn to_geojson(map: &LabelMap, legend: &Legend) -> Result<String> {
    let mut by_class = polygons(map)?;
    let features = map
        .present_in(legend)?
        .into_iter()
        .map(|(class, entry, pixels)| Feature {
            r#type: "Feature",
            properties: Properties {
                class,
                name: &entry.name,
                color: entry.hex(),
                pixels,
            },
            geometry: geometry(by_class.remove(&class).unwrap_or_default()),
        });
    let collection = FeatureCollection {
        r#type: "FeatureCollection",
        bbox: [0, 0, map.width, map.height],
        features: features.collect(),
    };
    serde_json::to_string(&collection).map_err(|error| Error::internal(format!("GeoJSON: {error}")))
}

fn geometry(regions: Vec<Polygon>) -> Geometry {
    let mut polygons: Vec<Vec<Ring>> = regions.into_iter().map(closed_rings).collect();
    if polygons.len() == 1 {
        return Geometry::Polygon(polygons.remove(0));
    }
    Geometry::MultiPolygon(polygons)
}

fn closed_rings(polygon: Polygon) -> Vec<Ring> {
    let rings = std::iter::once(polygon.exterior).chain(polygon.holes);
    rings
        .map(|mut ring| {
            let first: Option<Point> = ring.first().copied();
            ring.extend(first);
            ring
        })
        .collect()
}
