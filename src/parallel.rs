//! Work on all cores, where there are threads.

/// How many pieces to cut work into, so that each thread has one.
pub(crate) fn threads() -> usize {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::current_num_threads();
    #[cfg(target_arch = "wasm32")]
    1
}

/// Calls `work` with the number of each chunk of `size` values, the last one perhaps shorter, and
/// the chunk itself: on all cores natively, one after the other in wasm. What comes out is the same,
/// to the bit, for any number of threads.
pub(crate) fn for_each_chunk<T: Send>(
    values: &mut [T],
    size: usize,
    work: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    #[cfg(not(target_arch = "wasm32"))]
    {
        use rayon::iter::{IndexedParallelIterator, ParallelIterator};
        use rayon::slice::ParallelSliceMut;
        let chunks = values.par_chunks_mut(size).enumerate();
        chunks.for_each(|(index, chunk)| work(index, chunk));
    }
    #[cfg(target_arch = "wasm32")]
    for (index, chunk) in values.chunks_mut(size).enumerate() {
        work(index, chunk);
    }
}
