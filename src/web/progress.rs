//! Progress and cancelling, through a callback that also yields to the event loop.

use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::error::{Error, Result};
use crate::progress::Progress;

/// `(done, total) => Promise<boolean>`; `true` stops the computation.
pub(super) struct Checkpoint(pub(super) Function);

impl Progress for Checkpoint {
    async fn step(&mut self, done: usize, total: usize) -> Result<()> {
        let failed = |_| Error::input("The checkpoint callback failed.");
        let promise = self
            .0
            .call2(
                &JsValue::NULL,
                &(done as f64).into(),
                &(total as f64).into(),
            )
            .map_err(failed)?
            .dyn_into::<Promise>()
            .map_err(failed)?;
        let stop = JsFuture::from(promise).await.map_err(failed)?;
        if stop.is_truthy() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}
