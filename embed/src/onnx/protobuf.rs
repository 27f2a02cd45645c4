//! Writes protocol buffer messages, as much of the format as ONNX needs.

/// One message under construction.
#[derive(Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// Adds a whole number.
    pub(crate) fn integer(mut self, field: u32, value: i64) -> Self {
        self.tag(field, WireType::Varint);
        self.varint(value.cast_unsigned());
        self
    }

    /// Adds a 32-bit float.
    pub(crate) fn float(mut self, field: u32, value: f32) -> Self {
        self.tag(field, WireType::Fixed32);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Adds a length-delimited field: text, bytes or the bytes of another message.
    pub(crate) fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.tag(field, WireType::LengthDelimited);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Adds one length-delimited field per value.
    pub(crate) fn each<T: AsRef<[u8]>>(
        self,
        field: u32,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        values.into_iter().fold(self, |message, value| message.bytes(field, value))
    }

    /// Returns the encoded message.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn tag(&mut self, field: u32, wire_type: WireType) {
        self.varint(u64::from(field) << 3 | wire_type as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

enum WireType {
    Varint = 0,
    LengthDelimited = 2,
    Fixed32 = 5,
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn fields_are_encoded_as_the_format_documentation_shows() {
        // The first two rows are the worked examples of the format's own documentation.
        let rows: [(Message, &[u8]); 5] = [
            (Message::default().integer(1, 150), &[0x08, 0x96, 0x01]),
            (
                Message::default().bytes(2, "testing"),
                &[0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g'],
            ),
            (
                Message::default().integer(1, -1),
                &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            ),
            (Message::default().float(20, 1.0), &[0xa5, 0x01, 0, 0, 0x80, 0x3f]),
            (
                Message::default().each(3, [Message::default().integer(1, 0)]),
                &[0x1a, 0x02, 0x08, 0x00],
            ),
        ];
        for (message, expected) in rows {
            assert_eq!(message.into_bytes(), expected);
        }
    }
}
