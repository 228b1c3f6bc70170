//! Opening a GPU, and replacing one that was lost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::wgpu::{WgpuSetup, wgpu};
use burn::tensor::{Device, Tensor};

use super::{Compute, DeviceKind, self_test};
use crate::error::{Error, Result};
use crate::readback::read;

/// A GPU that was opened.
#[derive(Clone)]
struct Gpu {
    device: Device,
    name: String,
    software: bool,
    /// Whether it has passed the self-test.
    tested: bool,
    /// What it was opened with. Another one is opened with the same.
    #[cfg_attr(target_family = "wasm", expect(dead_code, reason = "see `reopen_gpu`"))]
    setup: WgpuSetup,
}

/// The GPU in use. Burn keeps every device for the life of the process or page, so one serves all
/// models until it is lost.
static GPU: Mutex<Option<Gpu>> = Mutex::new(None);

fn current_gpu() -> MutexGuard<'static, Option<Gpu>> {
    // A GPU is put there whole, so a poisoned lock still guards a sound state.
    GPU.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the GPU, or finds the one that is open, and tests it once.
///
/// # Errors
///
/// [`Error::Unsupported`] if there is no adapter, or only a software one and `software_too` is not
/// set; [`Error::Device`] if it was lost and does not come back, or fails the self-test.
pub(super) async fn open(software_too: bool) -> Result<Compute> {
    let current = current_gpu().clone();
    let mut gpu = match current {
        None => init_gpu().await?,
        Some(gpu) if gpu.responds().await => gpu,
        Some(lost) => reopen_gpu(&lost).await?,
    };
    if gpu.software && !software_too {
        return Err(Error::unsupported(format!(
            "the only WebGPU adapter here ({}) is a software one, which is slower than the CPU path.",
            gpu.name
        )));
    }
    if !gpu.tested {
        self_test::run(&gpu.device).await?;
        gpu.tested = true;
        *current_gpu() = Some(gpu.clone());
    }
    Ok(Compute {
        device: gpu.device,
        kind: DeviceKind::WebGpu,
        name: gpu.name,
        note: None,
    })
}

async fn init_gpu() -> Result<Gpu> {
    let opened = Device::wgpu_options().init_with_setup_async().await;
    // The message of wgpu is a list of backends, without what to do.
    let (device, setup) = opened.map_err(|_| none_to_open())?;
    let gpu = Gpu::new(device, setup);
    *current_gpu() = Some(gpu.clone());
    Ok(gpu)
}

/// Opens a GPU in place of one that was lost: reset by its driver, or unplugged.
///
/// Burn's own way of opening works once in a process, so the device is asked for here, as Burn
/// does it but for experimental features, of which nothing here makes use.
#[cfg(not(target_family = "wasm"))]
async fn reopen_gpu(lost: &Gpu) -> Result<Gpu> {
    let WgpuSetup {
        instance, backend, ..
    } = &lost.setup;
    let wanted = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = instance.request_adapter(&wanted).await;
    let adapter = adapter.map_err(|_| none_to_open())?;
    let unwanted =
        wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask();
    let opened = adapter
        .request_device(&wgpu::DeviceDescriptor {
            required_features: adapter.features().difference(unwanted),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        })
        .await;
    let (device, queue) = opened.map_err(|_| none_to_open())?;
    let setup = WgpuSetup {
        instance: instance.clone(),
        adapter,
        device,
        queue,
        backend: *backend,
    };
    let registered = Device::wgpu_options().setup(setup.clone()).init();
    let device = registered.map_err(|e| Error::device(format!("the GPU was lost ({e}).")))?;
    let gpu = Gpu::new(device, setup);
    *current_gpu() = Some(gpu.clone());
    Ok(gpu)
}

/// In a browser the page replaces the worker, and with it everything that was on the device.
#[cfg(target_family = "wasm")]
async fn reopen_gpu(_: &Gpu) -> Result<Gpu> {
    Err(Error::device("the GPU was lost. Load the page again."))
}

fn none_to_open() -> Error {
    Error::unsupported("no WebGPU adapter could be opened here.")
}

impl Gpu {
    fn new(device: Device, setup: WgpuSetup) -> Self {
        let info = setup.adapter.get_info();
        let name = if info.name.is_empty() {
            "WebGPU".into()
        } else {
            info.name
        };
        Self {
            device,
            name,
            software: info.device_type == wgpu::DeviceType::Cpu,
            tested: false,
            setup,
        }
    }

    /// Whether anything still comes back from it.
    async fn responds(&self) -> bool {
        read(Tensor::<1>::zeros([1], &self.device)).await.is_ok()
    }
}

#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::Segmenter;
    use crate::bundle::Bundle;
    use crate::device::Preference;
    use crate::image::Picture;
    use crate::progress::NoProgress;
    use crate::prompt::parse_words;
    use crate::segmenter::{EncodeOptions, Options};

    fn segment(segmenter: &Segmenter) -> Result<Vec<u8>> {
        let scene = crate::scene::generate(3);
        let (width, height) = (scene.width as u32, scene.height as u32);
        let picture = Picture::from_rgb(width, height, scene.rgb).unwrap();
        let classes = parse_words(&["cat", "tree"]).unwrap();
        let encode = EncodeOptions::default();
        let image = block_on(segmenter.encode(picture, &encode, &mut NoProgress))?;
        let options = Options::default();
        let answer = block_on(segmenter.segment(&image, &classes, &options, &mut NoProgress))?;
        Ok(answer.labels().labels().to_vec())
    }

    /// Twice, since the second device is not opened as the first was.
    #[test]
    fn choose_replaces_a_lost_gpu() {
        let load = || {
            let mut bundle = Bundle::built_in().unwrap();
            block_on(Segmenter::load(&mut bundle, Preference::WebGpu))
        };
        let mut segmenter = match load() {
            Ok(segmenter) => segmenter,
            Err(why) => return println!("not tested: {why}"),
        };
        let expected = segment(&segmenter).unwrap();
        for _ in 0..2 {
            let gpu = current_gpu().clone().unwrap();
            gpu.setup.device.destroy();
            let error = segment(&segmenter).unwrap_err();
            assert_eq!(error.code(), "device", "{error}");
            assert!(
                error.to_string().contains("Load the model again"),
                "{error}"
            );
            segmenter = load().unwrap();
            assert_ne!(segmenter.compute().device, gpu.device);
            assert!(segment(&segmenter).unwrap() == expected);
        }
    }
}
