//! How quantised values lie in memory where dot products take bytes: as they are packed.

use crate::kernel::cpu::layout::Step;

/// A step as the dot products read it.
pub(in crate::kernel::cpu) type WidePanel = Step;

/// Brings a panel into the form the dot products read, with `space` as its place.
pub(in crate::kernel::cpu) fn widen<'a>(
    steps: &'a [Step],
    _space: &'a mut Vec<WidePanel>,
) -> &'a [WidePanel] {
    steps
}
