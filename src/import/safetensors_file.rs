//! The header of a safetensors file, and the index of several.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata};
use serde::Deserialize;

use super::files::{Files, ReadAt, read_range, read_whole};
use super::tensors::{Number, TensorEntry, Tensors};
use super::{open_one, parse};
use crate::error::{Error, Result};

/// The longest header that is read, the limit of the format's own reader.
const MOST_HEADER_BYTES: u64 = 100_000_000;

/// The longest index that is read. Those of the largest published models stay below 200 kB.
const MOST_INDEX_BYTES: u64 = 16 << 20;

/// Reads the header of a file and nothing more.
pub(super) fn open(name: &str, file: Box<dyn ReadAt>) -> Result<Tensors> {
    let damaged = |what: String| {
        Error::model(format!(
            "{name} is not a whole safetensors file ({what}). Download it again."
        ))
    };
    let len = file.len();
    let room = len
        .checked_sub(8)
        .ok_or_else(|| damaged("it is too short".into()))?;
    let mut prefix = [0; 8];
    file.read_at(0, &mut prefix)?;
    let header_len = u64::from_le_bytes(prefix);
    if header_len > room.min(MOST_HEADER_BYTES) {
        return Err(damaged(format!(
            "its header would be {header_len} bytes long"
        )));
    }
    let header = read_range(&*file, 8, header_len)?;
    // This checks that the tensors lie one after the other and are as long as their shapes require.
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| damaged(e.to_string()))?;
    let data = metadata.data_len() as u64;
    if data != room - header_len {
        return Err(damaged(format!(
            "its header promises {data} bytes of tensors, but {} follow",
            room - header_len
        )));
    }
    let entries = metadata.tensors().into_iter().map(|(tensor, info)| {
        let entry = TensorEntry {
            number: match info.dtype {
                Dtype::F32 => Number::F32,
                Dtype::F16 => Number::F16,
                Dtype::BF16 => Number::Bf16,
                Dtype::F64 => Number::F64,
                other => Number::Other(format!("{other:?}")),
            },
            shape: info.shape.clone(),
            strides: None,
            start: 8 + header_len + info.data_offsets.0 as u64,
        };
        (tensor, entry)
    });
    let entries: Vec<_> = entries.collect();
    Ok(Tensors::from_file(name, file, entries))
}

#[derive(Deserialize)]
struct IndexJson {
    weight_map: BTreeMap<String, String>,
}

/// Opens the shards that an index names, whichever kind of file they are.
pub(super) fn open_sharded(files: &dyn Files, names: &[String], index: &str) -> Result<Tensors> {
    let json = read_whole(files, index, MOST_INDEX_BYTES)?;
    let IndexJson { weight_map } = parse(index, &json)?;
    let mut shards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tensor, shard) in weight_map {
        shards.entry(shard).or_default().push(tensor);
    }
    let mut model = Tensors::titled(index);
    for (shard, tensors) in shards {
        if !names.contains(&shard) || shard.ends_with(".json") {
            return Err(Error::model(format!(
                "{index} names the shard {shard:?}, which is not there. Download it too."
            )));
        }
        model.adopt(open_one(files, &shard)?, &tensors)?;
    }
    Ok(model)
}
