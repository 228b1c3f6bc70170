//! Choosing where the network runs, and making sure that it computes what it should there.

#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod self_test;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The kind of device that the caller prefers.
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
pub enum DeviceKind {
    /// WebGPU in a browser, or what wgpu finds natively.
    WebGpu,
    /// Burn's Flex backend.
    Cpu,
}

/// The device that was chosen, and why.
#[derive(Debug, Clone)]
pub struct Compute {
    /// The device that tensors are on.
    pub device: Device,
    /// The kind of the device.
    pub kind: DeviceKind,
    /// The name of the adapter; for the CPU, how its kernels compute.
    pub name: String,
    /// Why the CPU was chosen, if nobody asked for it: a sentence for people.
    pub note: Option<String>,
}

impl Compute {
    /// The CPU as the device.
    #[cfg(feature = "cpu")]
    #[must_use]
    pub fn cpu() -> Self {
        Self {
            device: Device::flex(),
            kind: DeviceKind::Cpu,
            name: crate::kernel::cpu::kernel_name().into(),
            note: None,
        }
    }

    /// Chooses a device among those that this build has: the features `cpu` and `gpu` of the crate.
    /// Natively, a GPU that was lost is replaced; what was on it is lost too, so that models have to
    /// be loaded again.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the build lacks the device that is asked for, or there is no
    /// adapter; [`Error::Device`] if the GPU fails the self-test. With [`Preference::Auto`] neither
    /// is an error where the build has the CPU.
    pub async fn choose(preference: Preference) -> Result<Self> {
        match preference {
            Preference::Cpu => only_cpu(),
            Preference::WebGpu => open_gpu(true).await,
            Preference::Auto => auto().await,
        }
    }
}

#[cfg(feature = "cpu")]
#[allow(clippy::unnecessary_wraps, reason = "the other builds have no CPU")]
fn only_cpu() -> Result<Compute> {
    Ok(Compute::cpu())
}

#[cfg(not(feature = "cpu"))]
fn only_cpu() -> Result<Compute> {
    Err(Error::unsupported(
        "this engine computes on WebGPU alone. Load the engine for the CPU.",
    ))
}

#[cfg(all(feature = "cpu", feature = "gpu"))]
async fn auto() -> Result<Compute> {
    Ok(open_gpu(false).await.unwrap_or_else(|error| Compute {
        note: Some(format!("The CPU is used: {error}")),
        ..Compute::cpu()
    }))
}

#[cfg(all(feature = "gpu", not(feature = "cpu")))]
async fn auto() -> Result<Compute> {
    open_gpu(false).await
}

#[cfg(not(feature = "gpu"))]
async fn auto() -> Result<Compute> {
    only_cpu()
}

#[cfg(feature = "gpu")]
use gpu::open as open_gpu;

#[cfg(not(feature = "gpu"))]
async fn open_gpu(_software_too: bool) -> Result<Compute> {
    Err(Error::unsupported(
        "this build computes on the CPU alone. Choose the device cpu, or build with `--features gpu`.",
    ))
}
