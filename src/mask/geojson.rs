//! `GeoJSON` (RFC 7946) in pixel coordinates.

use serde::Serialize;

use super::objects::Coordinate;
use super::{AnnotatedPicture, Object, Polygon};
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
    bbox: [u32; 4],
    properties: Properties<'a>,
    geometry: Geometry,
}

#[derive(Serialize)]
struct Properties<'a> {
    class: u8,
    name: &'a str,
    color: String,
    pixels: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
}

type ClosedRing = Vec<[Coordinate; 2]>;

#[derive(Serialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<ClosedRing>),
    MultiPolygon(Vec<Vec<ClosedRing>>),
}

/// The objects as the text of a `GeoJSON` feature collection: one feature for each, a `Polygon` or
/// `MultiPolygon`, with `class`, `name`, `color`, `pixels` and, where it is known, `score` as
/// properties and the bounds of its pixels as `bbox`.
///
/// Coordinates are pixels from the top left corner with y pointing down, not degrees; the
/// collection's `bbox` is the whole picture. Rings are closed, and wound as RFC 7946 asks, exteriors
/// counterclockwise and holes clockwise, when the numbers are read on axes with y pointing up, as
/// map software does (which then shows the picture upside down).
///
/// # Errors
///
/// [`Error::Input`] if the map uses a class that the legend lacks.
pub fn to_geojson(picture: &AnnotatedPicture<'_>) -> Result<String> {
    let features = picture.named_objects()?.map(|(object, entry)| {
        let [left, top, width, height] = object.bounding_box();
        Feature {
            r#type: "Feature",
            bbox: [left, top, left + width, top + height],
            properties: Properties {
                class: object.class,
                name: &entry.name,
                color: entry.hex(),
                pixels: object.area(),
                score: object.score,
            },
            geometry: geometry(object),
        }
    });
    let collection = FeatureCollection {
        r#type: "FeatureCollection",
        bbox: [0, 0, picture.map.width, picture.map.height],
        features: features.collect(),
    };
    serde_json::to_string(&collection).map_err(|error| Error::internal(format!("GeoJSON: {error}")))
}

fn geometry(object: &Object) -> Geometry {
    let mut polygons: Vec<Vec<ClosedRing>> = object.polygons.iter().map(closed_rings).collect();
    if polygons.len() == 1 {
        return Geometry::Polygon(polygons.remove(0));
    }
    Geometry::MultiPolygon(polygons)
}

fn closed_rings(polygon: &Polygon<f64>) -> Vec<ClosedRing> {
    let closed = |ring: &Vec<[f64; 2]>| {
        let points = ring.iter().chain(ring.first());
        points.map(|point| point.map(Coordinate)).collect()
    };
    polygon.rings().map(closed).collect()
}
