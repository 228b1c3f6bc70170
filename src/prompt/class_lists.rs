//! Names of the classes of published data sets as a person would type them: a line a class, its names
//! between commas, the class's own name first.

/// The 150 classes of ADE20K.
pub const ADE20K: &str = include_str!("class_lists/ade20k.txt");
/// The 11 classes of CamVid.
pub const CAMVID: &str = include_str!("class_lists/camvid.txt");
/// The 19 classes of Cityscapes.
pub const CITYSCAPES: &str = include_str!("class_lists/cityscapes.txt");
/// The 91 kinds of stuff of COCO-Stuff.
pub const COCO_STUFF: &str = include_str!("class_lists/coco-stuff.txt");
/// The 80 kinds of things of COCO.
pub const COCO_THINGS: &str = include_str!("class_lists/coco-things.txt");
/// The 59 classes of PASCAL Context.
pub const CONTEXT: &str = include_str!("class_lists/context.txt");
/// The 20 classes of PASCAL VOC.
pub const VOC: &str = include_str!("class_lists/voc.txt");
