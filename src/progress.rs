//! Progress and cancelling of long computations.

use crate::error::Result;

/// Called between the steps of a long computation: reports progress and gives the caller the
/// chance to stop it.
///
/// On the web it also returns control to the event loop, so that a message that cancels can
/// arrive while the computation runs.
pub trait Progress {
    /// Called when `done` of `total` steps are finished.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`](crate::Error::Cancelled) if the caller asked to stop.
    fn step(&mut self, done: usize, total: usize) -> impl Future<Output = Result<()>>;
}

/// A [`Progress`] for callers that neither watch nor cancel.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoProgress;

impl Progress for NoProgress {
    async fn step(&mut self, _done: usize, _total: usize) -> Result<()> {
        Ok(())
    }
}

/// A part of a longer computation: its steps are counted on from those already done.
pub struct SubProgress<'a, P> {
    /// Receives the steps of the whole computation.
    pub progress: &'a mut P,
    /// Steps done before this part.
    pub done: usize,
    /// Steps of the whole.
    pub total: usize,
}

impl<P: Progress> Progress for SubProgress<'_, P> {
    async fn step(&mut self, done: usize, _total: usize) -> Result<()> {
        self.progress.step(self.done + done, self.total).await
    }
}
