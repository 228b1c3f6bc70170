//! The way from a Burn tensor to a kernel written in WGSL and back.

use burn::backend::wgpu::{
    CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous,
};
use burn::cubecl::ir::{self, FloatKind};
use burn::cubecl::prelude::{Client, CubeCount, ExecutionMode, KernelId};
use burn::cubecl::server::{Handle, KernelArguments, MetadataBindingInfo};
use burn::tensor::{DType, Device, Shape, Tensor};

/// How numbers lie in memory. Whatever that is, kernels compute with f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElemType {
    F32,
    F16,
}

impl ElemType {
    /// What lies between two kernels of a block: half as much memory to write and to read where the
    /// GPU can.
    pub(super) fn between(client: &Client) -> Self {
        let properties = client.properties();
        if properties.supports_type(ir::ElemType::Float(FloatKind::F16)) {
            Self::F16
        } else {
            Self::F32
        }
    }

    /// The type of a tensor's elements.
    pub(super) fn from_tensor(x: &CubeTensor) -> Self {
        if x.dtype == DType::F16 {
            Self::F16
        } else {
            Self::F32
        }
    }

    /// The type in WGSL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
        }
    }
}

/// `narrow(x)` of a kernel that stores such numbers, `lanes` at a time: the nearest, and the largest
/// of its sign for those beyond the range of f16. NaN stays NaN.
fn narrow(to: ElemType, lanes: Lanes) -> String {
    let (wide, narrow) = (lanes.wgsl(ElemType::F32), lanes.wgsl(to));
    match to {
        ElemType::F32 => format!("fn narrow(x: {wide}) -> {narrow} {{ return x; }}"),
        ElemType::F16 => format!(
            "fn narrow(x: {wide}) -> {narrow} {{
  let most = {wide}(65504.0);
  return {narrow}(select(x, clamp(x, -most, most), abs(x) > most));
}}"
        ),
    }
}

/// How many numbers a kernel stores at a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lanes {
    One,
    Four,
}

impl Lanes {
    fn wgsl(self, number: ElemType) -> String {
        match self {
            Self::One => number.name().into(),
            Self::Four => format!("vec4<{}>", number.name()),
        }
    }
}

/// The substitutions of a kernel for how its numbers lie in memory: `directives`, `From` and `To`, the
/// types of what it reads and writes, and `narrow`.
pub(super) fn numbers(from: ElemType, to: ElemType, lanes: Lanes) -> Vec<(&'static str, String)> {
    let halves = [from, to].contains(&ElemType::F16);
    let directives = if halves { "enable f16;" } else { "" };
    vec![
        ("directives", directives.into()),
        ("From", from.name().into()),
        ("To", to.name().into()),
        ("narrow", narrow(to, lanes)),
    ]
}

/// A kernel: a text with places for what differs between its variants, and what goes there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    pub(super) text: &'static str,
    /// What replaces `{{name}}`.
    pub(super) substitutions: Vec<(&'static str, String)>,
    /// Invocations of a workgroup, as the text has them.
    pub(super) workgroup: [u32; 2],
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let template = SourceTemplate::new(self.text);
        self.substitutions
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
pub(super) fn empty_like(
    like: &CubeTensor,
    shape: impl Into<Shape>,
    number: ElemType,
) -> CubeTensor {
    let shape = shape.into();
    let handle = like.client.empty(shape.num_elements() * number.bytes());
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        shape,
        handle,
        number.dtype(),
    )
}

/// The way back to Burn, of f32.
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
