/**
 * Checksums of snapshot objects: CRC-32 (IEEE) over UTF-8, without building the bytes. It guards against
 * mix-ups and corruption, not against malice.
 */
const TABLE: readonly number[] = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc >>> 0
})

const fold = (crc: number, byte: number): number => (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)

/** CRC-32 of a text's UTF-8 bytes, continued from the CRC-32 of what came before. A whole number in [0, 2^32). */
export const checksum = (text: string, before = 0): number => {
  let crc = ~before
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) {
      crc = fold(crc, unit)
      continue
    }
    const point = text.codePointAt(at) ?? unit
    if (point < 0x800) crc = fold(crc, 0xc0 | (point >> 6))
    else {
      if (point < 0x10000) crc = fold(crc, 0xe0 | (point >> 12))
      else {
        at++
        crc = fold(fold(crc, 0xf0 | (point >> 18)), 0x80 | ((point >> 12) & 0x3f))
      }
      crc = fold(crc, 0x80 | ((point >> 6) & 0x3f))
    }
    crc = fold(crc, 0x80 | (point & 0x3f))
  }
  return ~crc >>> 0
}

/** CRC-32 of bytes, continued from the CRC-32 of what came before: `zlib.crc32`, without Node. */
export const checksumOfBytes = (bytes: Uint8Array, before = 0): number => {
  let crc = ~before
  for (const byte of bytes) crc = fold(crc, byte)
  return ~crc >>> 0
}
