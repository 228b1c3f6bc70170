//! What is written of a picture, and of all together.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wordmask::mask::{CocoDataset, LabelMap, Legend, read_label_png};
use wordmask::prompt::Class;
use wordmask::{Error, Result, Segmentation};

use crate::inputs::Input;

/// Opacity of the colours over the picture.
const OPACITY: f32 = 0.55;

/// The file with the COCO annotations of all pictures, without its ending.
const COCO: &str = "annotations";

/// The longest part of a word in a file's name, in characters.
const SLUG: usize = 40;

/// A kind of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// PNG with the class of each pixel and a palette: NAME.labels.png.
    Labels,
    /// PNG with the classes over the picture: NAME.overlay.png.
    Overlay,
    /// What was found, and how: NAME.json.
    Json,
    /// PNG of each class that was found, cut out: NAME.cutout-1-WORD.png.
    Cutouts,
    /// Outlines as SVG: NAME.svg.
    Svg,
    /// Outlines as GeoJSON, in pixels: NAME.geojson.
    Geojson,
    /// One COCO file for all pictures: annotations.json.
    Coco,
}

/// Writes results into a folder.
#[derive(Debug)]
pub(crate) struct Outputs<'a> {
    folder: &'a Path,
    kinds: &'a [Output],
    classes: &'a [Class],
    coco: CocoDataset,
}

impl<'a> Outputs<'a> {
    pub(crate) fn new(folder: &'a Path, kinds: &'a [Output], classes: &'a [Class]) -> Result<Self> {
        let legend = Legend::from_names(classes.iter().map(|class| class.name.as_str()))?;
        Ok(Self {
            folder,
            kinds,
            classes,
            coco: CocoDataset::new(legend),
        })
    }

    /// Whether this kind is wanted.
    pub(crate) fn has(&self, kind: Output) -> bool {
        self.kinds.contains(&kind)
    }

    /// The name that no picture's results may have.
    pub(crate) fn reserved(&self) -> Option<&'static str> {
        self.has(Output::Coco).then_some(COCO)
    }

    /// Refuses a run in which a file would be written twice or over a picture.
    pub(crate) fn check(&self, pictures: &[Input]) -> Result<()> {
        // In a folder that is not there yet there are no pictures.
        let folder = self.folder.canonicalize();
        let folder = folder.unwrap_or_else(|_| self.folder.to_owned());
        let mut taken: HashSet<PathBuf> = pictures.iter().map(|p| p.real.clone()).collect();
        let suffixes = self.suffixes(|_| true);
        let files = pictures.iter().flat_map(|picture| {
            let named = |suffix| with_suffix(&picture.name, suffix);
            suffixes.iter().map(move |suffix| named(suffix))
        });
        let all = self
            .reserved()
            .map(|name| with_suffix(Path::new(name), "json"));
        for file in files.chain(all) {
            let file = folder.join(file);
            if !taken.insert(file.clone()) {
                return Err(Error::input(format!(
                    "{} would be written over. Give another folder with --out, or other outputs.",
                    file.display()
                )));
            }
        }
        Ok(())
    }

    /// What follows a picture's name in those of its files. There are cutouts of classes that are
    /// `present`.
    fn suffixes(&self, present: impl Fn(usize) -> bool) -> Vec<String> {
        let of = |kind: &Output| match kind {
            Output::Labels => vec!["labels.png".into()],
            Output::Overlay => vec!["overlay.png".into()],
            Output::Json => vec!["json".into()],
            Output::Cutouts => {
                let classes = (0..self.classes.len()).filter(|class| present(*class));
                classes.map(|class| self.cutout(class)).collect()
            }
            Output::Svg => vec!["svg".into()],
            Output::Geojson => vec!["geojson".into()],
            Output::Coco => Vec::new(),
        };
        self.kinds.iter().flat_map(of).collect()
    }

    /// Numbered, since words may differ in what file names cannot hold.
    fn cutout(&self, class: usize) -> String {
        let name = self.classes[class].name.chars();
        let slug: String = name
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .take(SLUG)
            .collect();
        format!("cutout-{}-{slug}.png", class + 1)
    }

    /// Writes everything that is of one picture, but for the JSON file.
    pub(crate) fn save(&self, picture: &Input, result: &Segmentation) -> Result<()> {
        let write =
            |suffix: &str, contents: &[u8]| write_file(&self.path(&picture.name, suffix), contents);
        for kind in self.kinds {
            match kind {
                Output::Labels => write("labels.png", &result.label_png()?)?,
                Output::Overlay => write("overlay.png", &result.overlay_png(OPACITY)?)?,
                Output::Svg => write("svg", result.to_svg()?.as_bytes())?,
                Output::Geojson => write("geojson", result.to_geojson()?.as_bytes())?,
                Output::Cutouts => {
                    for (class, share) in result.classes().iter().enumerate() {
                        if share.pixels > 0 {
                            write(&self.cutout(class), &result.cutout_png(class)?)?;
                        }
                    }
                }
                Output::Json | Output::Coco => {}
            }
        }
        Ok(())
    }

    /// Writes the JSON file, if it is wanted. It comes last, and so shows that the others are there.
    pub(crate) fn save_record(&self, picture: &Input, json: &str) -> Result<()> {
        if !self.has(Output::Json) {
            return Ok(());
        }
        let path = self.path(&picture.name, "json");
        write_file(&path, format!("{json}\n").as_bytes())
    }

    /// The JSON file of an earlier run, if there is one that can be read.
    pub(crate) fn record(&self, picture: &Input) -> Option<serde_json::Value> {
        let bytes = std::fs::read(self.path(&picture.name, "json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Whether all files are there, cutouts of the classes that are `present`.
    pub(crate) fn exist(&self, picture: &Input, present: impl Fn(usize) -> bool) -> bool {
        let suffixes = self.suffixes(present);
        let mut paths = suffixes.iter().map(|s| self.path(&picture.name, s));
        paths.all(|path| path.is_file())
    }

    /// Takes the masks of a picture that an earlier run has segmented. False if they cannot be read.
    pub(crate) fn annotate_again(&mut self, picture: &Input) -> Result<bool> {
        if !self.has(Output::Coco) {
            return Ok(true);
        }
        let path = self.path(&picture.name, "labels.png");
        let labels = std::fs::read(path).ok().map(|bytes| read_label_png(&bytes));
        match labels {
            Some(Ok(labels)) => self.annotate(picture, &labels).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Takes the masks of a picture for the COCO file.
    pub(crate) fn annotate(&mut self, picture: &Input, labels: &LabelMap) -> Result<()> {
        if !self.has(Output::Coco) {
            return Ok(());
        }
        let parts = picture.below.components();
        let parts: Vec<_> = parts.map(|p| p.as_os_str().to_string_lossy()).collect();
        self.coco.add(labels, &parts.join("/"))
    }

    /// Writes what is of all pictures together.
    pub(crate) fn finish(&self) -> Result<()> {
        if !self.has(Output::Coco) {
            return Ok(());
        }
        let path = self.path(Path::new(COCO), "json");
        write_file(&path, self.coco.to_json()?.as_bytes())
    }

    fn path(&self, name: &Path, suffix: &str) -> PathBuf {
        self.folder.join(with_suffix(name, suffix))
    }
}

/// `a/x` with `labels.png` is `a/x.labels.png`, whatever bytes `x` is made of.
fn with_suffix(name: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(name);
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Writes a file whole or not at all, so that one that is there can be relied on.
fn write_file(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let part = folder.join(format!(".wordmask-{}.part", std::process::id()));
    let written = std::fs::write(&part, contents).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        // There may be nothing to remove, and the error to report is the first one.
        let _ = std::fs::remove_file(&part);
        Error::io(path, error)
    })
}
