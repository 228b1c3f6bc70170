//! What pictures show beside the things that people ask for.

/// The background names for photographs: what the evaluation protocol of SCLIP (arXiv 2312.01597)
/// and its followers uses for Pascal VOC and COCO-Object. How the background is named matters more
/// for the result than the choice of attention.
pub const PHOTO_BACKGROUND: [&str; 26] = [
    "sky", "wall", "tree", "wood", "grass", "road", "sea", "river", "mountain", "sands", "desk",
    "bed", "building", "cloud", "lamp", "door", "window", "wardrobe", "ceiling", "shelf",
    "curtain", "stair", "floor", "hill", "rail", "fence",
];
