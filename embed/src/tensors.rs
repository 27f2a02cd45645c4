//! Where each tensor lies in a safetensors file.

use std::io::Read;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

/// The table of contents of a weights file.
#[derive(Debug)]
pub(crate) struct Tensors {
    metadata: Metadata,
    /// Where the data begins: the length of the header and of its length field.
    start: usize,
}

/// A stretch of the weights file that holds one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Tensors {
    /// Reads the header of a weights file and nothing else of it.
    pub(crate) fn read(mut file: impl Read) -> Result<Self, WeightsError> {
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(WeightsError::Read)?;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_HEADER {
            return Err(WeightsError::HeaderTooLarge { length, limit: MAX_HEADER });
        }
        let mut header = vec![0; length];
        file.read_exact(&mut header).map_err(WeightsError::Read)?;
        let metadata = serde_json::from_slice(&header).map_err(WeightsError::Header)?;
        Ok(Self { metadata, start: length + 8 })
    }

    /// Returns where the 32-bit floats of `name` lie; an error if they have another shape.
    pub(crate) fn find(&self, name: &str, shape: &[usize]) -> Result<Stretch, WeightsError> {
        let found = self
            .metadata
            .info(name)
            .filter(|info| info.dtype == Dtype::F32 && info.shape == shape)
            .map(|info| info.data_offsets);
        let (from, to) = found
            .ok_or_else(|| WeightsError::Tensor { name: name.to_owned(), shape: shape.to_vec() })?;
        Ok(Stretch { offset: self.start.saturating_add(from), length: to.saturating_sub(from) })
    }

    /// Returns how long a file with these tensors is.
    pub(crate) fn end(&self) -> u64 {
        self.start.saturating_add(self.metadata.data_len()) as u64
    }
}

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum WeightsError {
    /// The header of the weights file cannot be read.
    #[error("cannot read the header of the weights file")]
    Read(#[source] std::io::Error),
    /// The header of the weights file is larger than any that is known.
    #[error("the header of the weights file has {length} bytes, at most {limit} are read")]
    HeaderTooLarge {
        /// The length that the file declares.
        length: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The header of the weights file is not what the format says.
    #[error("the header of the weights file is broken")]
    Header(#[source] serde_json::Error),
    /// The weights file has no such tensor, or of another type or shape.
    #[error("the weights file has no tensor `{name}` of 32-bit floats with the shape {shape:?}")]
    Tensor {
        /// The name of the tensor.
        name: String,
        /// The shape that the encoder needs.
        shape: Vec<usize>,
    },
    /// The weights file ends before its last tensor.
    #[error("the weights file has {length} bytes and should have {expected}")]
    Truncated {
        /// The length of the file.
        length: u64,
        /// Where its header says that the tensors end.
        expected: u64,
    },
}

/// The header of the pinned weights has 11 kB.
const MAX_HEADER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file() -> Vec<u8> {
        let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(&[0; 16]);
        bytes
    }

    #[test]
    fn a_tensor_is_found_by_name_type_and_shape() {
        let file = file();
        let tensors = Tensors::read(&file[..]).unwrap();
        let found = tensors.find("a", &[2]).unwrap();
        assert_eq!(found, Stretch { offset: file.len() - 16, length: 8 });
        for (name, shape) in [("a", [3].as_slice()), ("b", &[1]), ("c", &[2])] {
            assert!(tensors.find(name, shape).is_err(), "{name}");
        }
    }

    #[test]
    fn a_broken_header_is_an_error() {
        let overlapping = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#;
        let overlapping = [&54_u64.to_le_bytes(), overlapping.as_slice()].concat();
        for bytes in [&[][..], &[0xff; 16], &file()[..20], &overlapping] {
            assert!(Tensors::read(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            header in r#"\{("[ab]":\{"dtype":"F32","shape":\[[0-9]{1,20}\],"data_offsets":\[[0-9]{1,20},[0-9]{1,20}\]\},?)*\}?"#,
            length in prop_oneof![Just(None), any::<u64>().prop_map(Some)],
        ) {
            let length = length.unwrap_or(header.len() as u64).to_le_bytes();
            let file = [&length, header.as_bytes()].concat();
            if let Ok(tensors) = Tensors::read(&file[..]) {
                let _ = tensors.find("a", &[1]);
            }
        }
    }
}
