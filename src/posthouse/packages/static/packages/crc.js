// CRC-32 as zip files have it (ISO 3309), eight bytes at a time. Pure.

const TABLES = Array.from({ length: 8 }, () => new Int32Array(256));
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  TABLES[0][byte] = value;
}
for (let byte = 0; byte < 256; byte += 1) {
  for (let table = 1; table < 8; table += 1) {
    const before = TABLES[table - 1][byte];
    TABLES[table][byte] = (before >>> 8) ^ TABLES[0][before & 255];
  }
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES;

/** Return the CRC-32 of `bytes`, which follow bytes whose CRC-32 is `before`. */
export function crc32(bytes, before = 0) {
  let value = ~before;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    value ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    value =
      T7[value & 255] ^ T6[(value >>> 8) & 255] ^ T5[(value >>> 16) & 255] ^ T4[value >>> 24] ^
      T3[bytes[at + 4]] ^ T2[bytes[at + 5]] ^ T1[bytes[at + 6]] ^ T0[bytes[at + 7]];
  }
  for (; at < bytes.length; at += 1) value = T0[(value ^ bytes[at]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}
