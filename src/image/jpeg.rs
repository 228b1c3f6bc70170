//! The structure of JPEG files (ITU-T T.81, annex B), as far as the decoder does not expose it.

/// Start of scan: what follows is the picture itself.
const SCAN: u8 = 0xDA;
const END: u8 = 0xD9;
const EXIF: u8 = 0xE1;

/// Whether the end-of-image marker comes.
///
/// Segments are skipped by their length, so the end marker of a thumbnail inside EXIF data does
/// not count.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    JpegSegments::new(bytes).any(|(marker, _)| marker == END)
}

/// The EXIF data. Of several blocks the first holds, as in browsers and other decoders.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    headers(bytes)
        .filter(|(marker, _)| *marker == EXIF)
        .find_map(|(_, data)| data.strip_prefix(b"Exif\0\0"))
}

/// What the file has that the decoder lacks, to follow "This JPEG file".
///
/// The decoder distinguishes these processes as well, but not in all of its errors.
pub(super) fn unsupported(bytes: &[u8]) -> Option<String> {
    let (process, frame) = headers(bytes).find(|(marker, _)| is_frame(*marker))?;
    let reason = match process {
        0xC0..=0xC2 => return unsupported_frame(frame),
        0xC3 => "is lossless",
        0xC9..=0xCB => "is compressed with arithmetic coding",
        0xF7 => "is a JPEG-LS file",
        _ => "is hierarchical",
    };
    Some(reason.into())
}

/// Whether a marker begins a frame, or the definition of a hierarchy of frames.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDE | 0xF7)
}

/// What the decoder lacks of a frame of DCT blocks with Huffman coding, by its header.
fn unsupported_frame(header: &[u8]) -> Option<String> {
    // Without all of this it is broken, which the decoder reports.
    let &[bits, height_high, height_low, _, _, channels] = header.first_chunk()?;
    if bits != 8 {
        return Some(format!("has {bits} bits for each channel"));
    }
    if (height_high, height_low) == (0, 0) {
        return Some("does not tell its height in its header".into());
    }
    if !matches!(channels, 1 | 3 | 4) {
        return Some(format!("has {channels} colour channels"));
    }
    let factors = header[6..].chunks_exact(3).take(channels.into());
    has_rare_sampling(factors.map(|channel| [channel[1] >> 4, channel[1] & 0xF]))
        .then(|| "samples its channels in a rare ratio".into())
}

/// Whether the decoder gets the sampling factors of the channels, across and down, wrong.
///
/// Of zune-jpeg 0.5.15, over the factors 1 to 4 and beside libjpeg: a channel that is finer across
/// than the first, which is the brightness, comes out in wrong colours; finer down it depends on the
/// size of the picture. Three across and what lies between three or four lines and one it calls
/// broken.
fn has_rare_sampling(mut factors: impl Iterator<Item = [u8; 2]>) -> bool {
    let Some([across, down]) = factors.next() else {
        return false;
    };
    let is_rare =
        |[a, d]: [u8; 2]| a > across || d > down || a == 3 || (down > 2 && d > 1 && d < down);
    across == 3 || factors.any(is_rare)
}

/// The segments before the first scan.
fn headers(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    JpegSegments::new(bytes).take_while(|(marker, _)| *marker != SCAN)
}

/// The segments of a file: each marker with the data of its segment, which is cut where the file
/// is. Entropy-coded data, padding and restarts are passed over; the end marker is the last.
struct JpegSegments<'a> {
    rest: &'a [u8],
}

impl<'a> JpegSegments<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes.get(2..).unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for JpegSegments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        const RESTART: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
        loop {
            // Outside segments a marker is the first 0xFF that is not followed by a stuffed zero
            // or by another 0xFF.
            let start = self
                .rest
                .windows(2)
                .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF))?;
            let marker = self.rest[start + 1];
            self.rest = &self.rest[start + 2..];
            if marker == END {
                self.rest = &[];
                return Some((END, &[]));
            }
            if RESTART.contains(&marker) || matches!(marker, 0x01 | 0xD8) {
                continue;
            }
            let &[high, low] = self.rest.first_chunk()?;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let segment = self.rest.get(..length).unwrap_or(self.rest);
            self.rest = self.rest.get(length..).unwrap_or_default();
            return Some((marker, segment.get(2..).unwrap_or_default()));
        }
    }
}
