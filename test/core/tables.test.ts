import { describe, expect, it } from 'vitest'
import { checksum } from '../../src/core/checksum.ts'
import { optionsOf, type Options } from '../../src/core/config.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId } from '../../src/core/ids.ts'
import { majority, quorumIndex, voteResult } from '../../src/core/membership/quorum.ts'
import { drawInteger, seedFrom } from '../../src/core/random.ts'

const ids = (text: string) => Array.from(text, (each) => nodeId(each))

describe('majority', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])('of %d is %d', (size, needed) => {
    expect(majority(size)).toBe(needed)
  })
})

describe('voteResult', () => {
  it.each([
    ['a', '', 'a', '', 'won'],
    ['ab', '', 'a', '', 'pending'],
    ['ab', '', 'a', 'b', 'lost'],
    ['abc', '', 'ab', 'c', 'won'],
    ['abc', '', 'a', 'bc', 'lost'],
    ['abcd', '', 'ab', '', 'pending'],
    ['abcd', '', 'ab', 'cd', 'lost'],
    ['abc', 'cde', 'ab', '', 'pending'],
    ['abc', 'cde', 'abde', '', 'won'],
    ['abc', 'cde', 'ab', 'de', 'lost'],
    ['abc', '', 'xyz', '', 'pending'],
  ])('voters %s and %s, granted %s, rejected %s: %s', (incoming, outgoing, granted, rejected, result) => {
    const configuration = configurationOf(ids(incoming), [], ids(outgoing))
    expect(voteResult(configuration, ids(granted), ids(rejected))).toBe(result)
  })
})

describe('quorumIndex', () => {
  it.each([
    ['a', '', [7], 7],
    ['ab', '', [7, 3], 3],
    ['abc', '', [7, 3, 5], 5],
    ['abcd', '', [9, 1, 5, 4], 4],
    ['abcde', '', [9, 1, 5, 4, 8], 5],
    ['abc', 'cde', [9, 9, 9, 2, 1], 2],
    ['cde', 'abc', [9, 9, 9, 2, 1], 2],
    ['', '', [9], 0],
  ])('voters %s and %s at %j: %d', (incoming, outgoing, reached, expected) => {
    const configuration = configurationOf(ids(incoming), [], ids(outgoing))
    expect(quorumIndex(configuration, (id) => index(reached['abcde'.indexOf(id)] ?? 0))).toBe(expected)
  })
})

describe('checksum', () => {
  it.each([
    ['', 0x00000000],
    ['a', 0xe8b7be43],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('of %j is the CRC-32 everybody knows', (text, expected) => {
    expect(checksum(text)).toBe(expected)
  })

  it.each([
    ['abc', 'def'],
    ['grüße', '→ 🚀'],
    ['', 'x'],
  ])('of %j goes on with %j', (first, second) => {
    expect(checksum(second, checksum(first))).toBe(checksum(first + second))
  })
})

describe('drawInteger', () => {
  it('stays within its bounds and reaches all of them', () => {
    const seen = new Set<number>()
    let seed = seedFrom('n1', 7)
    for (let draw = 0; draw < 500; draw++) {
      const [value, next] = drawInteger(seed, 10, 20)
      seen.add(value)
      seed = next
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  })

  it('draws differently for every server of one seed', () => {
    const draws = ['n1', 'n2', 'n3', 'n4'].map((id) => drawInteger(seedFrom(id, 1), 0, 1_000_000)[0])
    expect(new Set(draws).size).toBe(4)
  })
})

describe('optionsOf', () => {
  it.each<[Partial<Options> | Record<string, number>, string]>([
    [{ electionTimeoutTicks: 1 }, 'electionTimeoutTicks'],
    [{ heartbeatTicks: 0 }, 'heartbeatTicks'],
    [{ heartbeatTicks: 10 }, 'heartbeats come more often'],
    [{ leaseDriftTicks: 10 }, 'lease'],
    [{ messageEntriesMax: 0 }, 'messageEntriesMax'],
    [{ trailingEntries: -1 }, 'trailingEntries'],
    [{ snapshotEntries: 1.5 }, 'snapshotEntries'],
    [{ inflightBytesMax: NaN }, 'inflightBytesMax'],
    [{ electionTimeout: 10 }, 'does not exist'],
  ])('refuses %j', (options, claim) => {
    expect(() => optionsOf(options)).toThrow(claim)
  })
})

describe('configurationOf', () => {
  it('sorts names', () => {
    expect(configurationOf(ids('cab'), ids('zy'))).toEqual({
      voters: ids('abc'),
      votersOutgoing: [],
      learners: ids('yz'),
    })
  })

  it.each([
    ['aa', '', ''],
    ['ab', 'a', ''],
    ['ab', 'c', 'cd'],
  ])('refuses voters %s with learners %s and outgoing voters %s', (voters, learners, outgoing) => {
    expect(() => configurationOf(ids(voters), ids(learners), ids(outgoing))).toThrow('a ')
  })
})
