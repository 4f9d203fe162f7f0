//! Formats that other programs put around bytes, and checksums.

/// A number of `width` bytes.
pub(crate) fn number(number: usize, width: usize, little: bool) -> Vec<u8> {
    let bytes = (number as u64).to_le_bytes();
    let (little_endian, mut reversed) = (bytes[..width].to_vec(), bytes[..width].to_vec());
    reversed.reverse();
    if little { little_endian } else { reversed }
}

pub(crate) fn varint(number: usize) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), number);
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
    out
}

pub(crate) fn docker(stream: u8, bytes: &[u8]) -> Vec<u8> {
    [&[stream, 0, 0, 0], &number(bytes.len(), 4, false)[..], bytes].concat()
}

pub(crate) fn websocket(opcode: u8, bytes: &[u8], key: Option<Vec<u8>>) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![opcode];
    match bytes.len() {
        0..126 => frame.push(mask | bytes.len().to_le_bytes()[0]),
        126..0x1_0000 => frame.extend([vec![mask | 126], number(bytes.len(), 2, false)].concat()),
        _ => frame.extend([vec![mask | 127], number(bytes.len(), 8, false)].concat()),
    }
    match key {
        Some(key) => {
            frame.extend(&key);
            frame.extend(bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        None => frame.extend(bytes),
    }
    frame
}

pub(crate) fn slip(bytes: &[u8]) -> Vec<u8> {
    let escaped = |&byte: &u8| match byte {
        0xC0 => vec![0xDB, 0xDC],
        0xDB => vec![0xDB, 0xDD],
        _ => vec![byte],
    };
    bytes.iter().flat_map(escaped).collect()
}

pub(crate) fn cobs(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let groups: Vec<&[u8]> = bytes.split(|&byte| byte == 0).collect();
    for group in groups {
        let mut rest = group;
        while rest.len() >= 254 {
            out.push(0xFF);
            out.extend(&rest[..254]);
            rest = &rest[254..];
        }
        out.push(rest.len().to_le_bytes()[0] + 1);
        out.extend(rest);
    }
    out.push(0);
    out
}

/// Blocks of at most 1,024 bytes, as Java's stream writes them.
pub(crate) fn block_data(bytes: &[u8]) -> Vec<u8> {
    let block = |piece: &[u8]| match u8::try_from(piece.len()) {
        Ok(length) => [&[0x77, length], piece].concat(),
        Err(_) => [&[0x7A], &number(piece.len(), 4, false)[..], piece].concat(),
    };
    bytes.chunks(1024).flat_map(block).collect()
}

/// CRC-16 as Modbus has it.
pub(crate) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xA001 } else { 0 })
    })
}

/// CRC-32 as zlib has it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| DIGITS[(bits & 63) as usize];
    let mut out = Vec::new();
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let four = [digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)];
        out.extend(&four[..three.len() + 1]);
        out.extend(&b"=="[..3 - three.len()]);
    }
    out
}
