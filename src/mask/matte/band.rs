//! Which pixels are near a border.

use std::ops::Range;

/// Marks a pixel whose alpha is still to be found. Alphas of 0 and 255 are known.
pub(super) const BAND: u8 = 1;

/// Writes, for the rows from `first` on that `alpha` holds, 0 or 255 where all pixels within
/// `reach` rows and columns are outside or inside, and [`BAND`] where some are either.
///
/// # Shapes
///
/// - `inside`: `[height, width]`, 0 or 255
/// - `alpha`: `[rows, width]`
pub(super) fn mark(inside: &[u8], width: usize, reach: usize, first: usize, alpha: &mut [u8]) {
    let height = inside.len() / width;
    let row = |y: usize| &inside[y * width..(y + 1) * width];
    let around = |y: usize, length: usize| y.saturating_sub(reach)..(y + reach + 1).min(length);
    // Of each column, the pixels inside among the rows around.
    let mut columns = vec![0i32; width];
    let start = first.saturating_sub(reach);
    let mut counted = start..start;
    for (y, alpha) in (first..).zip(alpha.chunks_exact_mut(width)) {
        let rows = around(y, height);
        for entering in counted.end..rows.end {
            add(&mut columns, row(entering), 1);
        }
        for leaving in counted.start..rows.start {
            add(&mut columns, row(leaving), -1);
        }
        mark_row(&columns, rows.len(), |x| around(x, width), alpha);
        counted = rows;
    }
}

/// Adds `one` to the columns in which a row is inside.
fn add(columns: &mut [i32], row: &[u8], one: i32) {
    for (count, inside) in columns.iter_mut().zip(row) {
        *count += if *inside > 0 { one } else { 0 };
    }
}

fn mark_row(
    columns: &[i32],
    deep: usize,
    around: impl Fn(usize) -> Range<usize>,
    alpha: &mut [u8],
) {
    let mut count = 0;
    let mut counted = 0..0;
    for (x, alpha) in alpha.iter_mut().enumerate() {
        let wide = around(x);
        count += columns[counted.end..wide.end].iter().sum::<i32>();
        count -= columns[counted.start..wide.start].iter().sum::<i32>();
        *alpha = match count as usize {
            0 => 0,
            all if all == deep * wide.len() => u8::MAX,
            _ => BAND,
        };
        counted = wide;
    }
}
