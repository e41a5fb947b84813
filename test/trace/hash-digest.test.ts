import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { textDigest } from '../../src/trace/digest.ts'

describe('the digest of a text', () => {
  const texts = ['', 'abc', 'ünïcödé 🚀', ...[55, 56, 63, 64, 65, 119, 120, 1_000].map((size) => 'q'.repeat(size))]
  it.each(texts)('is the SHA-256 of its UTF-8 bytes: %#', (text) => {
    expect(textDigest(text)).toBe(createHash('sha256').update(text).digest('hex'))
  })

  it('tells texts apart that differ only in half a pair, which encoders would replace', () => {
    const texts = ['\ud800', '\ud801', '\udc00', '\ufffd', '\udc00\ud800', '\ud800x', 'x\ud800', '🚀\ud800']
    expect(new Set(texts.map(textDigest)).size).toBe(texts.length)
  })

  it('is for half a pair what it was in the first traces: that of the three bytes it would have', () => {
    const digest = (bytes: readonly number[]) => createHash('sha256').update(Uint8Array.from(bytes)).digest('hex')
    expect(textDigest('a\ud800é')).toBe(digest([0x61, 0xed, 0xa0, 0x80, 0xc3, 0xa9]))
    expect(textDigest('\udfff')).toBe(digest([0xed, 0xbf, 0xbf]))
  })
})
