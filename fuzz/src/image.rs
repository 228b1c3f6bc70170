//! What the manifest needs of `src/image`.

pub const MAX_SIDE: u32 = 16_384;
