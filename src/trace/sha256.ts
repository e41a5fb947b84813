/** SHA-256 (FIPS 180-4) of a text's UTF-8 bytes, in plain TypeScript: traces are read in browsers too. */

const isPrime = (candidate: number): boolean => {
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) return false
  return true
}

const PRIMES: readonly number[] = Array.from({ length: 312 }, (_, at) => at)
  .filter((candidate) => candidate >= 2 && isPrime(candidate))
  .slice(0, 64)

/** The first 32 bits of a number's fraction. */
const fraction = (value: number): number => ((value - Math.floor(value)) * 2 ** 32) | 0

const ROUND = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)))
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

const at = (words: Int32Array, place: number): number => words[place] ?? 0

export const sha256 = (text: string): string => {
  const message = padded(utf8(text))
  const hash = Int32Array.from(START)
  const schedule = new Int32Array(64)
  const view = new DataView(message.buffer)
  for (let offset = 0; offset < message.length; offset += 64) {
    for (let place = 0; place < 16; place++) schedule[place] = view.getInt32(offset + place * 4)
    for (let place = 16; place < 64; place++) {
      const early = at(schedule, place - 15)
      const late = at(schedule, place - 2)
      const mixedEarly = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
      const mixedLate = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
      schedule[place] = at(schedule, place - 16) + mixedEarly + at(schedule, place - 7) + mixedLate
    }
    compress(hash, schedule)
  }
  return Array.from(hash, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

const compress = (hash: Int32Array, schedule: Int32Array): void => {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash
  for (let place = 0; place < 64; place++) {
    const sumE = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const first = (h + sumE + ((e & f) ^ (~e & g)) + at(ROUND, place) + at(schedule, place)) | 0
    const sumA = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const second = (sumA + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  const words = [a, b, c, d, e, f, g, h]
  for (let place = 0; place < 8; place++) hash[place] = at(hash, place) + (words[place] ?? 0)
}

const utf8 = (text: string): readonly number[] => {
  const bytes: number[] = []
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    if (point < 0x80) bytes.push(point)
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f))
    else {
      if (point < 0x10000) bytes.push(0xe0 | (point >> 12))
      else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 0x3f))
      bytes.push(0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f))
    }
  }
  return bytes
}

/** A one, zeros, and the length in bits, up to a multiple of 64 bytes. */
const padded = (bytes: readonly number[]): Uint8Array => {
  const message = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64)
  message.set(bytes)
  message[bytes.length] = 0x80
  const view = new DataView(message.buffer)
  view.setUint32(message.length - 8, Math.floor(bytes.length / 2 ** 29))
  view.setUint32(message.length - 4, (bytes.length * 8) >>> 0)
  return message
}
