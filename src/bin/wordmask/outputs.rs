//! What is written of a picture, and of all together.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;
use wordmask::mask::{
    AnnotatedPicture, CutoutOptions, Export, Format, Legend, Object, ObjectOptions, objects,
    read_label_png,
};
use wordmask::prompt::Class;
use wordmask::{Error, Result, Segmentation};

use crate::args::{CutoutFormat, Segment};
use crate::inputs::Input;

/// Opacity of the colours over the picture.
const OPACITY: f32 = 0.55;

/// The file with the COCO annotations of all pictures, without its ending. It lies beside the
/// results of pictures, other data sets in folders of their own.
const COCO: &str = "annotations";

/// The longest part of a word in a file's name, in characters.
const SLUG: usize = 40;

/// A kind of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// PNG with the class of each pixel and a palette: NAME.labels.png.
    Labels,
    /// PNG with the classes over the picture: NAME.overlay.png.
    Overlay,
    /// What was found, and how: NAME.json.
    Json,
    /// Each class that was found, cut out: NAME.cutout-1-WORD.png, or .webp.
    Cutouts,
    /// Outlines as SVG: NAME.svg.
    Svg,
    /// Outlines as GeoJSON, in pixels: NAME.geojson.
    Geojson,
    /// One COCO file for all pictures, polygons where masks have no holes: annotations.json.
    Coco,
    /// The same with run lengths for all masks: coco-rle/annotations.json.
    CocoRle,
    /// YOLO segmentation for Ultralytics: yolo/data.yaml and yolo/labels.
    Yolo,
    /// PASCAL VOC: voc/SegmentationClass, voc/Annotations and lists.
    Voc,
    /// A JSON file of labelme for each picture: labelme/NAME.json.
    Labelme,
    /// Tasks of Label Studio with predictions, and their labelling interface: label-studio/tasks.json.
    LabelStudio,
    /// CVAT for images 1.1: cvat/annotations.xml.
    Cvat,
    /// Index PNGs as of ADE20K, 0 = nothing: ade/annotations.
    Ade,
}

impl Output {
    /// The format of the data set that this is, if it is one.
    fn format(self) -> Option<Format> {
        let value = self.to_possible_value()?;
        Format::find(value.get_name()).ok()
    }

    /// The folder of its data set.
    fn folder(self, format: Format) -> &'static str {
        match self {
            Self::Coco => "",
            _ => format.name,
        }
    }
}

/// A data set that all pictures go into.
struct Dataset {
    folder: &'static str,
    format: Format,
    export: Box<dyn Export>,
}

/// Writes results into a folder.
pub(crate) struct Outputs<'a> {
    folder: &'a Path,
    kinds: &'a [Output],
    classes: &'a [Class],
    legend: Legend,
    objects: ObjectOptions,
    cutouts: CutoutOptions,
    cutout_format: CutoutFormat,
    datasets: Vec<Dataset>,
}

impl<'a> Outputs<'a> {
    pub(crate) fn new(
        args: &'a Segment,
        classes: &'a [Class],
        objects: ObjectOptions,
    ) -> Result<Self> {
        let (folder, kinds) = (&args.out, &args.outputs);
        let legend = Legend::from_names(classes.iter().map(|class| class.name.as_str()))?;
        let datasets = kinds.iter().filter_map(|kind| {
            let format = kind.format()?;
            Some(Dataset {
                folder: kind.folder(format),
                format,
                export: format.dataset(legend.clone()),
            })
        });
        Ok(Self {
            folder,
            kinds,
            classes,
            objects,
            cutouts: args.cutouts.options()?,
            cutout_format: args.cutouts.cutout_format,
            datasets: datasets.collect(),
            legend,
        })
    }

    /// Whether this kind is wanted.
    pub(crate) fn has(&self, kind: Output) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether all pictures go into something together.
    pub(crate) fn has_datasets(&self) -> bool {
        !self.datasets.is_empty()
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
        self.datasets
            .iter()
            .try_for_each(|dataset| dataset.check(pictures))
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
            _ => Vec::new(),
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
        format!(
            "cutout-{}-{slug}.{}",
            class + 1,
            self.cutout_format.ending()
        )
    }

    /// Writes everything that is of one picture, but for the JSON file.
    pub(crate) fn save(&self, picture: &Input, result: &Segmentation) -> Result<()> {
        let write =
            |suffix: &str, contents: &[u8]| write_file(&self.path(&picture.name, suffix), contents);
        for kind in self.kinds {
            match kind {
                Output::Labels => write("labels.png", &result.label_png()?)?,
                Output::Overlay => write("overlay.png", &result.overlay_png(OPACITY)?)?,
                Output::Svg => write("svg", result.to_svg(&self.objects)?.as_bytes())?,
                Output::Geojson => {
                    write("geojson", result.to_geojson(&self.objects)?.as_bytes())?;
                }
                Output::Cutouts => {
                    for (class, share) in result.classes().iter().enumerate() {
                        if share.pixels > 0 {
                            let cutout = result.cutout(&[class], &self.cutouts)?;
                            let file = match self.cutout_format {
                                CutoutFormat::Png => cutout.to_png()?,
                                CutoutFormat::Webp => cutout.to_webp()?,
                            };
                            write(&self.cutout(class), &file)?;
                        }
                    }
                }
                // The record comes last, and data sets take all pictures.
                _ => {}
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
    pub(crate) fn record(&self, picture: &Input) -> Option<Value> {
        let bytes = std::fs::read(self.path(&picture.name, "json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Whether all files are there, cutouts of the classes that are `present`.
    pub(crate) fn exist(&self, picture: &Input, present: impl Fn(usize) -> bool) -> bool {
        let suffixes = self.suffixes(present);
        let mut paths = suffixes.iter().map(|s| self.path(&picture.name, s));
        paths.all(|path| path.is_file())
    }

    /// Takes the masks of a picture that an earlier run has segmented, their scores from its record.
    /// False if they cannot be read.
    pub(crate) fn annotate_again(&mut self, picture: &Input, record: &Value) -> Result<bool> {
        if !self.has_datasets() {
            return Ok(true);
        }
        let path = self.path(&picture.name, "labels.png");
        let labels = std::fs::read(path).ok().map(|bytes| read_label_png(&bytes));
        let Some(Ok(map)) = labels else {
            return Ok(false);
        };
        let mut objects = objects(&map, &self.objects)?;
        for (index, object) in objects.iter_mut().enumerate() {
            let score = if self.objects.instances {
                &record["objects"][index]["score"]
            } else {
                &record["classes"][usize::from(object.class)]["score"]
            };
            object.score = score.as_f64().map(|score| score as f32);
        }
        let legend = self.legend.clone();
        let annotated = AnnotatedPicture {
            file_name: &file_name(picture),
            map: &map,
            legend: &legend,
            objects: &objects,
            instances: self.objects.instances,
        };
        self.add(&annotated).map(|()| true)
    }

    /// Takes the objects of a picture for all data sets.
    pub(crate) fn annotate(
        &mut self,
        picture: &Input,
        result: &Segmentation,
        objects: &[Object],
    ) -> Result<()> {
        let options = self.objects;
        self.add(&result.annotated(&file_name(picture), objects, &options))
    }

    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<()> {
        for dataset in &mut self.datasets {
            for file in dataset.export.add(picture)? {
                let path = self.folder.join(dataset.folder).join(&file.path);
                write_file(&path, &file.contents)?;
            }
        }
        Ok(())
    }

    /// Writes what is of all pictures together.
    pub(crate) fn finish(&self) -> Result<()> {
        for dataset in &self.datasets {
            for file in dataset.export.finish()? {
                let path = self.folder.join(dataset.folder).join(&file.path);
                write_file(&path, &file.contents)?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &Path, suffix: &str) -> PathBuf {
        self.folder.join(with_suffix(name, suffix))
    }
}

impl Dataset {
    /// Refuses pictures that would have the same files in the data set, and results of pictures in
    /// its folder.
    fn check(&self, pictures: &[Input]) -> Result<()> {
        let mut taken: HashMap<String, &Path> = HashMap::new();
        for picture in pictures {
            if !self.folder.is_empty() && picture.name.starts_with(self.folder) {
                return Err(Error::input(format!(
                    "The results of {} would lie in the folder of a data set, {}. Give another folder with --out for one of them.",
                    picture.path.display(),
                    self.folder
                )));
            }
            if !self.format.goes_by_stem {
                continue;
            }
            // As file systems compare names that ignore case.
            let stem = picture.below.with_extension("");
            let stem = stem.to_string_lossy().to_lowercase();
            if let Some(other) = taken.insert(stem, &picture.path) {
                return Err(Error::input(format!(
                    "{} and {} would have the same files in {}, where names have no endings. Rename one of them.",
                    other.display(),
                    picture.path.display(),
                    self.format.name
                )));
            }
        }
        Ok(())
    }
}

/// What data sets call a picture: its path below the folder of all pictures, lossy where that is no
/// text.
fn file_name(picture: &Input) -> String {
    let parts = picture.below.components();
    let parts: Vec<_> = parts.map(|p| p.as_os_str().to_string_lossy()).collect();
    parts.join("/")
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
