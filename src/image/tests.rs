use std::io::Cursor;

use ::image::{
    DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, ImageFormat, Luma, RgbImage, Rgba,
    RgbaImage,
};
use proptest::prelude::*;

use super::*;

// Written by Pillow: `plain` is 32x24, the others show the same picture.
const PLAIN: &[u8] = include_bytes!("fixtures/plain.png");
const BASELINE: &[u8] = include_bytes!("fixtures/baseline.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("fixtures/progressive.jpg");
const CMYK: &[u8] = include_bytes!("fixtures/cmyk.jpg");
const LOSSY_WEBP: &[u8] = include_bytes!("fixtures/lossy.webp");
const ANIMATED_WEBP: &[u8] = include_bytes!("fixtures/animated.webp");
const PALETTE: &[u8] = include_bytes!("fixtures/palette.png");
// Written by ImageMagick: brightness 1x1, colours 2x2.
const FINER_COLOR: &[u8] = include_bytes!("fixtures/finer_color.jpg");

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn refusal(bytes: &[u8]) -> String {
    let error = Picture::decode(bytes).unwrap_err();
    assert_eq!(error.code(), "input", "{error}");
    error.to_string()
}

/// The message about a file of a kind that the decoder lacks.
fn not_supported(bytes: &[u8]) -> String {
    let error = Picture::decode(bytes).unwrap_err();
    assert_eq!(error.code(), "unsupported", "{error}");
    error.to_string()
}

fn mean_difference(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let sum: u64 = a
        .rgb
        .iter()
        .zip(&b.rgb)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.rgb.len() as f64
}

/// A JPEG with an EXIF block that says only how it is to be turned.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut file = vec![0xFF, 0xD8, 0xFF, 0xE1];
    file.extend((exif.len() as u16 + 2).to_be_bytes());
    file.extend(exif);
    file.extend(&jpeg[2..]);
    file
}

/// The baseline JPEG with other sampling factors in its header, across and down as hexadecimal
/// digits.
fn sampled(factors: [u8; 3]) -> Vec<u8> {
    let mut file = BASELINE.to_vec();
    let frame = file.windows(2).position(|marker| marker == [0xFF, 0xC0]);
    let channels = file[frame.unwrap() + 10..].chunks_exact_mut(3);
    for (channel, factors) in channels.zip(factors) {
        channel[1] = factors;
    }
    file
}

#[test]
fn decode_refuses_jpegs_sampled_as_the_decoder_gets_wrong() {
    let message = not_supported(FINER_COLOR);
    assert!(message.contains("samples its channels"), "{message}");
    for factors in [
        [0x11, 0x21, 0x11],
        [0x11, 0x11, 0x12],
        [0x21, 0x41, 0x11],
        [0x41, 0x22, 0x11],
        [0x14, 0x11, 0x12],
        [0x13, 0x12, 0x11],
        [0x31, 0x11, 0x11],
        [0x42, 0x31, 0x11],
    ] {
        assert_eq!(not_supported(&sampled(factors)), message, "{factors:x?}");
    }
    for factors in [
        [0x11, 0x11, 0x11],
        [0x22, 0x11, 0x11],
        [0x22, 0x21, 0x12],
        [0x21, 0x21, 0x21],
        [0x41, 0x21, 0x11],
        [0x14, 0x11, 0x14],
        [0x13, 0x11, 0x11],
    ] {
        assert!(
            jpeg::unsupported(&sampled(factors)).is_none(),
            "{factors:x?}"
        );
    }
}

#[test]
fn decode_shows_the_same_picture_of_every_kind_of_file() {
    let plain = Picture::decode(PLAIN).unwrap();
    assert_eq!((plain.width(), plain.height()), (32, 24));
    assert_eq!(plain.rgb[..3], [255, 0, 40]);
    for (name, file, tolerance) in [
        ("baseline", BASELINE, 7.0),
        ("progressive", PROGRESSIVE, 7.0),
        ("cmyk", CMYK, 1.0),
        ("lossy webp", LOSSY_WEBP, 8.0),
        ("animated webp", ANIMATED_WEBP, 0.0),
        ("palette", PALETTE, 5.0),
    ] {
        let difference = mean_difference(&plain, &Picture::decode(file).unwrap());
        assert!(difference <= tolerance, "{name}: {difference}");
    }
}

#[test]
fn decode_composites_alpha_on_white() {
    let pixels = [
        10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128, 255, 255, 255, 7,
    ];
    let expected = [10, 20, 30, 255, 255, 255, 127, 127, 127, 255, 255, 255];
    assert_eq!(Picture::from_rgba(4, 1, &pixels).unwrap().rgb(), expected);

    let picture = RgbaImage::from_raw(4, 1, pixels.to_vec()).unwrap();
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let decoded = Picture::decode(&encoded(picture.clone(), format)).unwrap();
        assert_eq!(decoded.rgb(), expected);
    }
    let grey = GrayAlphaImage::from_raw(2, 1, vec![0, 128, 9, 255]).unwrap();
    let decoded = Picture::decode(&encoded(grey, ImageFormat::Png)).unwrap();
    assert_eq!(decoded.rgb(), [127, 127, 127, 9, 9, 9]);
}

#[test]
fn decode_makes_8_bit_rgb_of_grey_and_16_bits() {
    let grey = GrayImage::from_raw(2, 1, vec![3, 200]).unwrap();
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let decoded = Picture::decode(&encoded(grey.clone(), format)).unwrap();
        assert_eq!(decoded.rgb()[0], decoded.rgb()[2]);
        assert!(decoded.rgb()[3] > 150);
    }
    let deep = ImageBuffer::<Luma<u16>, _>::from_raw(3, 1, vec![0u16, 257 * 7 + 100, 65_535]);
    let decoded = Picture::decode(&encoded(deep.unwrap(), ImageFormat::Png)).unwrap();
    assert_eq!(decoded.rgb(), [0, 0, 0, 7, 7, 7, 255, 255, 255]);
    let deep = ImageBuffer::<Rgba<u16>, _>::from_raw(1, 1, vec![257u16, 514, 771, 65_535]);
    let decoded = Picture::decode(&encoded(deep.unwrap(), ImageFormat::Png)).unwrap();
    assert_eq!(decoded.rgb(), [1, 2, 3]);
}

#[test]
fn decode_applies_the_exif_orientation() {
    let upright = Picture::decode(BASELINE).unwrap();
    for orientation in 1..=8 {
        let file = turned(BASELINE, orientation);
        let picture = Picture::decode(&file).unwrap();
        assert_eq!(
            read_dimensions(&file).unwrap(),
            (picture.width(), picture.height())
        );
        let mut expected =
            DynamicImage::from(RgbImage::from_raw(32, 24, upright.rgb().to_vec()).unwrap());
        let code = ::image::metadata::Orientation::from_exif(orientation).unwrap();
        expected.apply_orientation(code);
        assert_eq!(
            picture.rgb(),
            expected.as_bytes(),
            "orientation {orientation}"
        );
    }
}

#[test]
fn decode_refuses_a_file_cut_anywhere() {
    for (name, file) in [
        ("png", PLAIN),
        ("baseline", BASELINE),
        ("progressive", PROGRESSIVE),
        ("lossy webp", LOSSY_WEBP),
        ("animated webp", ANIMATED_WEBP),
    ] {
        // A PNG is whole without its last chunk, 12 bytes that only end it, and
        // without the check sums before it.
        let needed = if name == "png" {
            file.len() - 24
        } else {
            file.len()
        };
        for length in 12..needed {
            let message = refusal(&file[..length]);
            assert!(
                message.contains("cut short"),
                "{name} at {length}: {message}"
            );
        }
    }
}

#[test]
fn decode_ignores_bytes_after_the_end() {
    for file in [PLAIN, BASELINE, LOSSY_WEBP] {
        let mut longer = file.to_vec();
        longer.extend([0xFF; 100]);
        assert_eq!(
            Picture::decode(&longer).unwrap(),
            Picture::decode(file).unwrap()
        );
    }
}

#[test]
fn decode_names_other_formats() {
    assert!(refusal(b"").contains("empty"));
    for (bytes, name) in [
        (&b"GIF89a...."[..], "GIF"),
        (b"BM......", "BMP"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        // What the others of its brands say, where the major one says little.
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0heix", "HEIC"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "CR3"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "MP4"),
        // A brand behind the end of the box is none.
        (b"\0\0\0\x10ftypisom\0\0\0\0avif", "MP4"),
        (b"\0\0\0\0ftyp", "MP4"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0+\0\x08\0\0", "TIFF"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\0\0\0\x0cjP  \x0d\x0a\x87\x0a", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\0\0\x01\0\x01\0", "ICO"),
        (b"8BPS\0\x01", "PSD"),
        (b"P6\n3 2\n255\n", "PNM"),
        (b"%PDF-1.7", "PDF"),
        (b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<svg xmlns=", "SVG"),
        (b"hello", "not a picture"),
        (b"P6", "not a picture"),
        (b"<html><body>", "not a picture"),
    ] {
        let message = not_supported(bytes);
        assert!(message.contains(name), "{message}");
        assert!(message.contains("JPEG, PNG or WebP"), "{message}");
    }
}

/// A JPEG with another header of its frame: its marker, then bits, height, width and channels.
fn with_frame(change: impl FnOnce(&mut u8, &mut [u8])) -> Vec<u8> {
    let mut file = BASELINE.to_vec();
    let start = file
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    let (marker, header) = file[start + 1..].split_at_mut(1);
    change(&mut marker[0], &mut header[2..8]);
    file
}

#[test]
fn decode_names_kinds_of_jpeg_that_are_not_supported() {
    for (marker, what) in [
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
        (0xC9, "arithmetic"),
        (0xCA, "arithmetic"),
        (0xCE, "hierarchical"),
        (0xDE, "hierarchical"),
        (0xF7, "JPEG-LS"),
    ] {
        let message = not_supported(&with_frame(|frame, _| *frame = marker));
        assert!(message.contains(what), "{marker:x}: {message}");
    }
    for (place, value, what) in [(0, 12, "12 bits"), (0, 16, "16 bits"), (5, 2, "2 colour")] {
        let message = not_supported(&with_frame(|_, header| header[place] = value));
        assert!(message.contains(what), "{message}");
    }
    let message = not_supported(&with_frame(|_, header| header[1..3].fill(0)));
    assert!(message.contains("height"), "{message}");
    // Extended sequential coding of 8 bits holds all that baseline coding does.
    let extended = with_frame(|marker, _| *marker = 0xC1);
    assert_eq!(Picture::decode(&extended), Picture::decode(BASELINE));
}

#[test]
fn decode_takes_the_first_exif_block_of_a_jpeg() {
    let size = |file: &[u8]| read_dimensions(file).unwrap();
    assert_eq!(size(&turned(&turned(BASELINE, 1), 6)), (24, 32));
    assert_eq!(size(&turned(&turned(BASELINE, 6), 1)), (32, 24));
    // One that is there in a thumbnail, or behind the picture, is not the picture's.
    let mut behind = BASELINE.to_vec();
    behind.extend(&turned(BASELINE, 6)[2..]);
    assert_eq!(size(&behind), (32, 24));
}

/// A WebP of these flags and chunks, 32x24 where they do not say otherwise.
fn extended_webp(flags: u8, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let header = [flags, 0, 0, 0, 31, 0, 0, 23, 0, 0];
    let mut body = b"WEBP".to_vec();
    for (name, data) in std::iter::once(&(b"VP8X", &header[..])).chain(chunks) {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

/// The data of the only chunk of a simple WebP.
fn only_chunk(file: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(file[16..20].try_into().unwrap()) as usize;
    &file[20..20 + length]
}

#[test]
fn decode_believes_the_chunks_of_a_webp_and_not_its_flags() {
    let expected = Picture::decode(LOSSY_WEBP).unwrap();
    let lossy = only_chunk(LOSSY_WEBP);
    // Profile, transparency, EXIF and XMP are promised and missing.
    for flags in 0..16 {
        let file = extended_webp(flags << 2, &[(b"VP8 ", lossy)]);
        assert_eq!(Picture::decode(&file).unwrap(), expected, "{flags:x}");
    }
    let exif = &turned(BASELINE, 6)[12..][..26];
    let prefixed = [b"Exif\0\0", exif].concat();
    for exif in [exif, &prefixed] {
        for flags in [0, 8] {
            let file = extended_webp(flags, &[(b"VP8 ", lossy), (b"EXIF", exif)]);
            assert_eq!(read_dimensions(&file).unwrap(), (24, 32));
        }
    }
    let clear = RgbaImage::from_pixel(32, 24, Rgba([9, 9, 9, 0]));
    let clear = encoded(clear, ImageFormat::WebP);
    let file = extended_webp(0, &[(b"VP8L", only_chunk(&clear))]);
    assert_eq!(Picture::decode(&file).unwrap().rgb()[..3], [255; 3]);
    let opaque = encoded(
        RgbImage::from_pixel(32, 24, [9; 3].into()),
        ImageFormat::WebP,
    );
    let file = extended_webp(0x10, &[(b"VP8L", only_chunk(&opaque))]);
    assert_eq!(Picture::decode(&file).unwrap().rgb()[..3], [9; 3]);
}

#[test]
fn decode_refuses_a_bomb_by_its_declared_size() {
    let mut png = PLAIN.to_vec();
    png[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    assert!(refusal(&png).contains("60000x60000"));
    assert!(read_dimensions(&png).is_err());
    assert!(Picture::from_rgba(0, 5, &[]).is_err());
    assert!(Picture::from_rgb(MAX_SIDE, MAX_SIDE, Vec::new()).is_err());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

#[test]
fn resize_agrees_with_pillow() {
    let plain = Picture::decode(PLAIN).unwrap();
    for (name, file) in [
        ("smaller", &include_bytes!("fixtures/smaller-pil.png")[..]),
        ("larger", include_bytes!("fixtures/larger-pil.png")),
        ("narrower", include_bytes!("fixtures/narrower-pil.png")),
    ] {
        let expected = Picture::decode(file).unwrap();
        let resized = plain.resize(expected.width(), expected.height()).unwrap();
        let largest = resized
            .rgb
            .iter()
            .zip(&expected.rgb)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(largest <= Some(1), "{name}: {largest:?}");
    }
    assert!(plain.resize(0, 10).is_err());
}

#[test]
fn crop_is_the_named_rectangle() {
    let picture = Picture::from_rgb(3, 2, (0..18).collect()).unwrap();
    let crop = picture.crop(1, 0, 2, 2).unwrap();
    assert_eq!(crop.rgb(), [3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17]);
    assert_eq!(picture.crop(2, 1, 1, 1).unwrap().rgb(), [15, 16, 17]);
    for (x, y, width, height) in [
        (0, 0, 4, 1),
        (3, 0, 1, 1),
        (0, 0, 0, 1),
        (1, u32::MAX, 1, 2),
    ] {
        assert!(picture.crop(x, y, width, height).is_err());
    }
}

#[test]
fn planes_are_normalised_channel_by_channel() {
    let picture = Picture::from_rgb(2, 1, vec![0, 51, 102, 255, 204, 153]).unwrap();
    let planes = picture.to_planes([0.0, 0.2, 0.5], [1.0, 0.5, 0.1]);
    let expected = [0.0, 1.0, 0.0, 1.2, -1.0, 1.0];
    assert_eq!(planes.len(), expected.len());
    assert!(
        planes
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-6),
        "{planes:?}"
    );
}

#[test]
fn fit_gives_the_usual_sizes() {
    assert_eq!(fit(640, 480, 336, 16, MAX_CELLS), (448, 336));
    assert_eq!(fit(480, 640, 336, 16, MAX_CELLS), (336, 448));
    assert_eq!(fit(10, 10, 224, 32, MAX_CELLS), (224, 224));
    assert_eq!(fit(1, 10_000, 336, 16, 1024), (16, 16 * 1024));
    assert_eq!(fit(4000, 4000, 4000, 16, 100), (160, 160));
    assert_eq!(fit(0, 0, 0, 0, 0), (1, 1));
    // Long pictures keep their shape as far as it goes.
    assert_eq!(fit(10_000, 8, 336, 8, MAX_CELLS), (1250 * 8, 8));
    assert_eq!(fit(6600, 100, 336, 32, MAX_CELLS), (462 * 32, 7 * 32));
    assert_eq!(fit(1, 10_000, 336, 32, MAX_CELLS), (32, MAX_SIDE));
}

proptest! {
    #[test]
    fn fit_keeps_its_promises(
        width in 1u32..20_000, height in 1u32..20_000, short_side in 1u32..2_000,
        multiple in 1u32..64, max_cells in 1u32..10_000,
    ) {
        let (w, h) = fit(width, height, short_side, multiple, max_cells);
        prop_assert!(w >= multiple && h >= multiple);
        prop_assert_eq!((w % multiple, h % multiple), (0, 0));
        prop_assert!(check_size(w, h).is_ok(), "{w}x{h}");
        prop_assert!(u64::from(w / multiple) * u64::from(h / multiple) <= u64::from(max_cells));
        prop_assert_eq!(fit(height, width, short_side, multiple, max_cells), (h, w));
        let free = fit(width, height, short_side, multiple, u32::MAX);
        let cells = u64::from(free.0 / multiple) * u64::from(free.1 / multiple);
        let longest = f64::from(width.max(height)) / f64::from(width.min(height)) * f64::from(short_side);
        if cells <= u64::from(max_cells) && longest <= f64::from(MAX_SIDE - multiple) {
            prop_assert_eq!((w, h), free);
            let short = f64::from(w.min(h));
            let off = (short - f64::from(short_side)).abs();
            prop_assert!(off <= f64::from(multiple) / 2.0 + 1e-6 || short == f64::from(multiple));
        }
    }

    #[test]
    fn decode_never_panics(mut file in prop::sample::select(vec![PLAIN, BASELINE, PROGRESSIVE, LOSSY_WEBP, PALETTE]).prop_map(<[u8]>::to_vec), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        for (index, byte) in flips {
            let index = index.index(file.len());
            file[index] = byte;
        }
        if let Ok(picture) = Picture::decode(&file) {
            prop_assert_eq!(picture.rgb().len() as u64, u64::from(picture.width()) * u64::from(picture.height()) * 3);
        }
    }
}
