//! The way from a Burn tensor to a kernel written in WGSL and back.

use burn::backend::wgpu::{
    CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous,
};
use burn::cubecl::prelude::{Client, CubeCount, ExecutionMode, KernelId};
use burn::cubecl::server::{Handle, KernelArguments, MetadataBindingInfo};
use burn::tensor::{DType, Device, Shape, Tensor};

/// A kernel: a text with places for what differs between its variants, and what goes there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    pub(super) text: &'static str,
    /// What replaces `{{name}}`.
    pub(super) places: Vec<(&'static str, String)>,
    /// Invocations of a workgroup, as the text has them.
    pub(super) workgroup: [u32; 2],
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let template = SourceTemplate::new(self.text);
        self.places
            .iter()
            .fold(template, |t, (name, value)| t.register(*name, value))
    }

    fn id(&self) -> KernelId {
        // Its own bounds checks make those of naga superfluous.
        KernelId::new::<Self>()
            .info(self.clone())
            .mode(ExecutionMode::Unchecked)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// What a kernel reads and writes, on one device.
pub(super) struct Launch<'a> {
    pub(super) kernel: Kernel,
    /// Workgroups in each direction.
    pub(super) groups: [u32; 3],
    /// Buffers in the order of their bindings; the uniform comes last.
    pub(super) buffers: &'a [&'a Handle],
    /// The uniform's words, an even number of them.
    pub(super) shape: [u32; 4],
}

impl Launch<'_> {
    pub(super) fn run(self, client: &Client) {
        let [x, y, z] = self.groups;
        let [columns, rows] = self.kernel.workgroup;
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let [a, b, c, d] = self.shape;
        let arguments = KernelArguments::new()
            .with_buffers(
                self.buffers
                    .iter()
                    .map(|b| (*b).clone().binding())
                    .collect(),
            )
            .with_info(MetadataBindingInfo::custom(vec![pair(a, b), pair(c, d)]));
        client.launch(
            Box::new(SourceKernel::new(
                self.kernel,
                CubeDim::new_2d(columns, rows),
            )),
            CubeCount::Static(x, y, z),
            arguments,
        );
    }
}

/// A tensor's numbers in a buffer, row-major.
pub(super) fn buffer<const D: usize>(x: Tensor<D>) -> CubeTensor {
    // Only the constructor of a GPU's block calls this, and only a GPU's tensors reach that block.
    let x = x
        .try_into_primitive::<CubeBackend>()
        .expect("kernels of the GPU are given tensors of the GPU");
    into_contiguous(x)
}

/// A tensor beside `like`, its numbers not set.
pub(super) fn unset(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let handle = like.client.empty(shape.num_elements() * size_of::<f32>());
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        shape,
        handle,
        DType::F32,
    )
}

/// The way back to Burn.
pub(super) fn tensor<const D: usize>(buffer: CubeTensor) -> Tensor<D> {
    Tensor::from_primitive::<CubeBackend>(buffer)
}

/// What launches kernels on a GPU.
///
/// # Panics
///
/// If `device` is the CPU.
pub(super) fn client(device: &Device) -> Client {
    buffer(Tensor::<1>::empty([1], device)).client
}

/// Words in memory of the GPU.
pub(super) fn upload(client: &Client, words: &[u32]) -> Handle {
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    client.create_from_slice(&bytes)
}
