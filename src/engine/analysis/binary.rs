//! Trino's "Binary functions and operators" that the engine lacks.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use sha2::{Digest, Sha256, Sha512};

use super::row::{Columns, Kind, Spec, gives};

const BYTES: &[&[Kind]] = &[&[Kind::Bytes]];
const TEXT: &[&[Kind]] = &[&[Kind::Text], &[Kind::Bytes]];
const INT: &[&[Kind]] = &[&[Kind::Int]];
const DOUBLE: &[&[Kind]] = &[&[Kind::Double]];
const KEYED: &[&[Kind]] = &[&[Kind::Bytes, Kind::Bytes]];

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "hex_of_bytes",
        takes: BYTES,
        gives: gives::text,
        run: |c| c.texts(|row| Ok(Some(const_hex::encode_upper(c.bytes(0, row))))),
        fails: false,
    },
    Spec {
        name: "from_hex",
        takes: TEXT,
        gives: gives::bytes,
        run: |c| decoded(c, |text| const_hex::decode(text).ok().filter(|_| !text.starts_with(b"0x"))),
        fails: true,
    },
    Spec {
        name: "to_base64",
        takes: BYTES,
        gives: gives::text,
        run: |c| c.texts(|row| Ok(Some(STANDARD.encode(c.bytes(0, row))))),
        fails: false,
    },
    Spec {
        name: "from_base64",
        takes: TEXT,
        gives: gives::bytes,
        run: |c| decoded(c, |text| STANDARD.decode(text).ok()),
        fails: true,
    },
    Spec {
        name: "to_base64url",
        takes: BYTES,
        gives: gives::text,
        run: |c| c.texts(|row| Ok(Some(URL_SAFE.encode(c.bytes(0, row))))),
        fails: false,
    },
    Spec {
        name: "from_base64url",
        takes: TEXT,
        gives: gives::bytes,
        run: |c| decoded(c, |text| URL_SAFE.decode(text).ok()),
        fails: true,
    },
    Spec {
        name: "to_base32",
        takes: BYTES,
        gives: gives::text,
        run: |c| c.texts(|row| Ok(Some(to_base32(c.bytes(0, row))))),
        fails: false,
    },
    Spec { name: "from_base32", takes: TEXT, gives: gives::bytes, run: |c| decoded(c, from_base32), fails: true },
    Spec { name: "sha1", takes: BYTES, gives: gives::bytes, run: sha1, fails: false },
    Spec {
        name: "crc32",
        takes: BYTES,
        gives: gives::int,
        run: |c| {
            c.ints(|row| {
                let mut sum = flate2::Crc::new();
                sum.update(c.bytes(0, row));
                Ok(Some(sum.sum().into()))
            })
        },
        fails: false,
    },
    Spec {
        name: "xxhash64",
        takes: BYTES,
        gives: gives::bytes,
        run: |c| c.binaries(|row| Ok(Some(xxhash_rust::xxh64::xxh64(c.bytes(0, row), 0).to_be_bytes().to_vec()))),
        fails: false,
    },
    Spec {
        name: "hmac_sha256",
        takes: KEYED,
        gives: gives::bytes,
        run: |c| c.binaries(|row| Ok(Some(hmac::<Sha256>(c.bytes(0, row), c.bytes(1, row), 64)))),
        fails: false,
    },
    Spec {
        name: "hmac_sha512",
        takes: KEYED,
        gives: gives::bytes,
        run: |c| c.binaries(|row| Ok(Some(hmac::<Sha512>(c.bytes(0, row), c.bytes(1, row), 128)))),
        fails: false,
    },
    Spec {
        name: "to_big_endian_64",
        takes: INT,
        gives: gives::bytes,
        run: |c| c.binaries(|row| Ok(Some(c.int(0, row).to_be_bytes().to_vec()))),
        fails: false,
    },
    Spec {
        name: "to_big_endian_32",
        takes: INT,
        gives: gives::bytes,
        run: |c| {
            c.binaries(|row| match i32::try_from(c.int(0, row)) {
                Ok(value) => Ok(Some(value.to_be_bytes().to_vec())),
                Err(_) => Err(c.wrong("the number needs more than 32 bits")),
            })
        },
        fails: true,
    },
    Spec {
        name: "from_big_endian_64",
        takes: BYTES,
        gives: gives::int,
        run: |c| c.ints(|row| fixed(c, row).map(|bytes| Some(i64::from_be_bytes(bytes)))),
        fails: true,
    },
    Spec {
        name: "from_big_endian_32",
        takes: BYTES,
        gives: gives::int,
        run: |c| c.ints(|row| fixed(c, row).map(|bytes| Some(i32::from_be_bytes(bytes).into()))),
        fails: true,
    },
    Spec {
        name: "to_ieee754_64",
        takes: DOUBLE,
        gives: gives::bytes,
        run: |c| c.binaries(|row| Ok(Some(c.double(0, row).to_be_bytes().to_vec()))),
        fails: false,
    },
    Spec {
        name: "to_ieee754_32",
        takes: DOUBLE,
        gives: gives::bytes,
        #[expect(clippy::cast_possible_truncation, reason = "that is what it is asked for")]
        run: |c| c.binaries(|row| Ok(Some((c.double(0, row) as f32).to_be_bytes().to_vec()))),
        fails: false,
    },
    Spec {
        name: "from_ieee754_64",
        takes: BYTES,
        gives: gives::double,
        run: |c| c.doubles(|row| fixed(c, row).map(|bytes| Some(f64::from_be_bytes(bytes)))),
        fails: true,
    },
    Spec {
        name: "from_ieee754_32",
        takes: BYTES,
        gives: gives::double,
        run: |c| c.doubles(|row| fixed(c, row).map(|bytes| Some(f32::from_be_bytes(bytes).into()))),
        fails: true,
    },
];

/// The bytes that a text or binary stands for.
fn decoded(columns: &Columns, decode: fn(&[u8]) -> Option<Vec<u8>>) -> EngineResult<ArrayRef> {
    let binary = *columns.array(0)?.data_type() == DataType::Binary;
    columns.binaries(|row| {
        let text = if binary { columns.bytes(0, row) } else { columns.text(0, row).as_bytes() };
        decode(text).map(Some).ok_or_else(|| columns.wrong("the text is not encoded so"))
    })
}

fn fixed<const N: usize>(columns: &Columns, row: usize) -> EngineResult<[u8; N]> {
    columns.bytes(0, row).try_into().map_err(|_| columns.wrong("the binary has another length"))
}

/// SHA-1 as the engine's neighbour computes it, which writes it in hexadecimal.
fn sha1(columns: &Columns) -> EngineResult<ArrayRef> {
    let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
    let hexadecimal = datafusion_spark::function::hash::sha1().invoke_with_args(ScalarFunctionArgs {
        args: vec![ColumnarValue::Array(Arc::clone(columns.array(0)?))],
        arg_fields: vec![field("bytes", DataType::Binary)],
        number_rows: columns.rows,
        return_field: field("sha1", DataType::Utf8),
        config_options: Arc::default(),
    })?;
    let hexadecimal = arrow::compute::cast(&hexadecimal.into_array(columns.rows)?, &DataType::Utf8)?;
    let texts = arrow::array::AsArray::as_string::<i32>(&hexadecimal);
    columns.binaries(|row| Ok(const_hex::decode(texts.value(row)).ok()))
}

/// HMAC as RFC 2104 has it.
fn hmac<D: Digest>(message: &[u8], key: &[u8], block_bytes: usize) -> Vec<u8> {
    let mut block = if key.len() > block_bytes { D::digest(key).to_vec() } else { key.to_vec() };
    block.resize(block_bytes, 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = D::new().chain_update(padded(0x36)).chain_update(message).finalize();
    D::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// RFC 4648, with padding.
fn to_base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut bits = [0_u8; 8];
        for (place, byte) in bits.iter_mut().skip(3).zip(chunk) {
            *place = *byte;
        }
        let bits = u64::from_be_bytes(bits);
        let letters = (chunk.len() * 8).div_ceil(5);
        for index in 0..8_usize {
            let five = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or(0);
            let letter = ALPHABET.get(five).filter(|_| index < letters);
            out.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
    out
}

fn from_base32(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
    let (letters, padding) = text.split_at_checked(end)?;
    if padding.len() > 6 || !padding.iter().all(|byte| *byte == b'=') || matches!(letters.len() % 8, 1 | 3 | 6) {
        return None;
    }
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for letter in letters {
        let five = ALPHABET.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        bits = (bits << 5 | u32::try_from(five).ok()?) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in
            [("", ""), ("f", "MY======"), ("fo", "MZXQ===="), ("foob", "MZXW6YQ="), ("fooba", "MZXW6YTB")]
        {
            assert_eq!(to_base32(bytes.as_bytes()), text);
            assert_eq!(from_base32(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(from_base32(b"M"), None);
        assert_eq!(from_base32(b"M1======"), None);
    }

    #[test]
    fn hmac_is_that_of_the_rfc() {
        let known = hmac::<Sha256>(b"what do ya want for nothing?", b"Jefe", 64);
        assert_eq!(const_hex::encode(known), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
