//! Scenes as files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use image::ColorType;
use serde::Serialize;

use super::{Scene, SceneView, generate_scaled, views};
use crate::{Error, Result};

/// One line of `scenes.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    /// File name of the picture in `pictures/` and of the mask in `masks/`.
    file: &'a str,
    #[serde(flatten)]
    scene: &'a Scene,
    views: Vec<SceneView>,
}

/// Writes the scenes of the seeds `seed..seed + count` to `out`:
///
/// - `pictures/000000.png`, …: the pictures, 8-bit RGB;
/// - `masks/000000.png`, …: the truth, 8-bit grey; the value is the class, 0 for ground and
///   `i + 1` for `THINGS[i]`;
/// - `instances/000000.png`, …: which thing it is, 8-bit grey: 0 for ground, `i + 1` for
///   `things[i]`;
/// - `scenes.jsonl`: one object a scene: file, seed, size, things, grounds, captions and `count`
///   of captioned windows given by `views`.
///
/// Sides are `scale` times as long as those that models are trained on.
///
/// `progress` is called with the number of scenes that are done.
///
/// # Errors
///
/// [`Error::Input`] if there are not so many seeds; [`Error::Io`] if a folder or file cannot be
/// written.
pub fn write_dataset(
    out: &Path,
    seed: u64,
    count: u32,
    views: u32,
    scale: usize,
    progress: &mut dyn FnMut(u32),
) -> Result<()> {
    let seeds = seed..seed.checked_add(u64::from(count)).ok_or_else(|| {
        Error::input(format!(
            "there are no {count} seeds from {seed} on; begin at a smaller one."
        ))
    })?;
    let [pictures, masks, instances] =
        ["pictures", "masks", "instances"].map(|name| out.join(name));
    for folder in [&pictures, &masks, &instances] {
        fs::create_dir_all(folder).map_err(|e| cannot_write(folder, &e))?;
    }
    let list = out.join("scenes.jsonl");
    let mut lines = BufWriter::new(File::create(&list).map_err(|e| cannot_write(&list, &e))?);
    for (i, seed) in (0u32..).zip(seeds) {
        let scene = generate_scaled(seed, scale);
        let file = format!("{i:06}.png");
        save(&pictures.join(&file), &scene.rgb, &scene, ColorType::Rgb8)?;
        save(&masks.join(&file), &scene.truth, &scene, ColorType::L8)?;
        save(
            &instances.join(&file),
            &scene.instances,
            &scene,
            ColorType::L8,
        )?;
        write_line(&mut lines, &file, &scene, views).map_err(|e| cannot_write(&list, &e))?;
        progress(i + 1);
    }
    lines.flush().map_err(|e| cannot_write(&list, &e))
}

fn save(path: &Path, bytes: &[u8], scene: &Scene, color: ColorType) -> Result<()> {
    image::save_buffer(path, bytes, scene.width as u32, scene.height as u32, color)
        .map_err(|e| cannot_write(path, &e))
}

fn write_line(to: &mut impl Write, file: &str, scene: &Scene, count: u32) -> std::io::Result<()> {
    serde_json::to_writer(
        &mut *to,
        &Line {
            file,
            scene,
            views: views(scene, count),
        },
    )?;
    to.write_all(b"\n")
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::file(format!(
        "cannot write {}: {error}; check that the folder exists and has room",
        path.display()
    ))
}
