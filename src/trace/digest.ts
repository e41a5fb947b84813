import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** Half a pair without the other: JSON carries it, UTF-8 has no bytes for it. */
const LONE_SURROGATE = /(\p{Surrogate})/u

/**
 * The SHA-256 of a text's UTF-8 bytes, in hexadecimal, without Node: traces are read in browsers too. A lone surrogate
 * counts as the three bytes that it would have; encoders replace it, and then two texts would share a digest.
 */
export const textDigest = (text: string): string => {
  const hash = sha256.create()
  // The expression captures what it splits at, so every second part is a lone surrogate.
  for (const [at, part] of text.split(LONE_SURROGATE).entries())
    hash.update(at % 2 === 0 ? utf8ToBytes(part) : surrogateBytes(part.charCodeAt(0)))
  return bytesToHex(hash.digest())
}

const surrogateBytes = (unit: number): Uint8Array =>
  Uint8Array.of(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f))
