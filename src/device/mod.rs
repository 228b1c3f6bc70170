//! Choosing where the network runs, and making sure that it computes what it should there.

mod self_test;

use std::sync::OnceLock;

use burn::tensor::wgpu::wgpu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel;

/// What the caller wants to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preference {
    /// A hardware WebGPU adapter that passes the self-test, else the CPU.
    #[default]
    Auto,
    /// WebGPU, a software adapter too; an error if there is none or it computes wrongly.
    WebGpu,
    /// The CPU.
    Cpu,
}

impl std::str::FromStr for Preference {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "webgpu" => Ok(Self::WebGpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(Error::input(format!(
                "{name:?} is no device. Choose auto, webgpu or cpu."
            ))),
        }
    }
}

/// The two kinds of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// WebGPU in a browser, or what wgpu finds natively.
    WebGpu,
    /// Burn's Flex backend.
    Cpu,
}

/// The device that was chosen, and why.
#[derive(Debug, Clone)]
pub struct Compute {
    /// Where tensors live.
    pub device: Device,
    /// Which kind that is.
    pub kind: Kind,
    /// What it calls itself, for people; of the CPU, how its kernels compute.
    pub name: String,
    /// Why the CPU was chosen, if nobody asked for it: a sentence for people.
    pub note: Option<String>,
}

impl Compute {
    /// The CPU.
    #[must_use]
    pub fn cpu() -> Self {
        Self {
            device: Device::flex(),
            kind: Kind::Cpu,
            name: kernel::cpu::kernel_name().into(),
            note: None,
        }
    }

    /// Chooses a device.
    ///
    /// # Errors
    ///
    /// Only for [`Preference::WebGpu`]: [`Error::Unsupported`] if there is no adapter,
    /// [`Error::Device`] if it fails the self-test.
    pub async fn choose(preference: Preference) -> Result<Self> {
        if preference == Preference::Cpu {
            return Ok(Self::cpu());
        }
        match open_gpu(preference == Preference::WebGpu).await {
            Ok(gpu) => Ok(gpu),
            Err(error) if preference == Preference::WebGpu => Err(error),
            Err(error) => Ok(Self {
                note: Some(format!("The CPU is used: {error}")),
                ..Self::cpu()
            }),
        }
    }
}

/// A GPU that was opened. Burn keeps the first device for the life of the process or page, and a
/// second attempt to open it fails.
#[derive(Clone)]
struct Gpu {
    device: Device,
    name: String,
    software: bool,
}

static GPU: OnceLock<Gpu> = OnceLock::new();

/// Set when [`GPU`] has passed the self-test.
static TESTED: OnceLock<()> = OnceLock::new();

async fn open_gpu(software_too: bool) -> Result<Compute> {
    let gpu = match GPU.get() {
        Some(gpu) => gpu.clone(),
        None => init_gpu().await?,
    };
    if gpu.software && !software_too {
        return Err(Error::unsupported(format!(
            "the only WebGPU adapter here ({}) is a software one, which is slower than the CPU path.",
            gpu.name
        )));
    }
    if TESTED.get().is_none() {
        self_test::run(&gpu.device).await?;
        // Whoever came first has found the same.
        let _ = TESTED.set(());
    }
    Ok(Compute {
        device: gpu.device,
        kind: Kind::WebGpu,
        name: gpu.name,
        note: None,
    })
}

async fn init_gpu() -> Result<Gpu> {
    let (device, setup) = Device::wgpu_options()
        .init_with_setup_async()
        .await
        // What wgpu says of it is a list of backends, which tells nobody what to do.
        .map_err(|_| Error::unsupported("no WebGPU adapter could be opened here."))?;
    let info = setup.adapter.get_info();
    let name = if info.name.is_empty() {
        "WebGPU".into()
    } else {
        info.name
    };
    let gpu = Gpu {
        device,
        name,
        software: info.device_type == wgpu::DeviceType::Cpu,
    };
    Ok(GPU.get_or_init(|| gpu).clone())
}

/// Copies a tensor to the host, row-major.
///
/// # Errors
///
/// [`Error::Device`] if the device was lost or could not be read.
pub async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor.into_data_async().await.map_err(|e| {
        Error::device(format!(
            "the result could not be read from the device ({e}). Load the model again, or choose the CPU."
        ))
    })?;
    data.try_to_vec::<f32>()
        .map_err(|e| Error::internal(format!("a tensor of another type was read: {e:?}")))
}
