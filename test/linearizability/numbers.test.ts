import { describe, expect, it } from 'vitest'
import { parseHistory } from '../../src/linearizability/parse.ts'
import { checkLinearizability } from '../../src/linearizability/check.ts'
import { parseNumerals } from '../../src/codec/numerals.ts'

const judge = (source: unknown): string => {
  const parsed = parseHistory(source)
  return 'error' in parsed ? parsed.error : checkLinearizability(parsed.operations).result
}

describe('numbers that a double would round', () => {
  const [BIG, NEXT] = ['9007199254740993', '9007199254740992']
  const NOW = '170000000000000'

  it.each([
    ['a value that was not written', `{"op":"write","value":${BIG}}, {"op":"read","value":${NEXT}}`, 'violation'],
    ['the value that was written', `{"op":"write","value":${BIG}}, {"op":"read","value":${BIG}}`, 'linearizable'],
    [
      'the same value, spelled differently',
      `{"op":"write","value":${BIG}}, {"op":"read","value":${BIG}.0}`,
      'linearizable',
    ],
    ['a cas from another value', `{"op":"write","value":${BIG}}, {"op":"cas","from":${NEXT},"to":1}`, 'violation'],
    ['a value beyond all doubles', '{"op":"write","value":1e400}, {"op":"read","value":[1e400]}', 'violation'],
    ['nested values', `{"op":"write","value":[${BIG}]}, {"op":"read","value":[${NEXT}]}`, 'violation'],
    [
      'keys that differ',
      `{"op":"write","key":${BIG},"value":1}, {"op":"write","key":${NEXT},"value":2}, {"op":"read","key":${BIG},"value":1}`,
      'linearizable',
    ],
    [
      'a stale read some nanoseconds after the write',
      `{"op":"write","value":1,"start":${NOW}0000,"end":${NOW}0010}, {"op":"read","value":null,"start":${NOW}0011,"end":${NOW}0020}`,
      'violation',
    ],
    [
      'the same in seconds',
      '{"op":"write","value":1,"start":1700000000.123456700,"end":1700000000.123456710}, {"op":"read","value":null,"start":1700000000.123456711,"end":1700000000.2}',
      'violation',
    ],
    [
      'times of both kinds',
      `{"op":"write","value":1,"start":1,"end":${NOW}0010}, {"op":"read","value":null,"start":${NOW}0011,"end":1e30}`,
      'violation',
    ],
    [
      'a read at the moment at which the write returns',
      `{"op":"write","value":1,"start":${NOW}0000,"end":${NOW}0011}, {"op":"read","value":null,"start":${NOW}0011,"end":${NOW}0020}`,
      'linearizable',
    ],
    [
      'events out of order',
      `{"process":0,"type":"ok","f":"write","value":1,"time":${NOW}0011}, {"process":0,"type":"invoke","f":"write","value":1,"time":${NOW}0010}, {"process":1,"type":"invoke","f":"read","time":${NOW}0012}, {"process":1,"type":"ok","f":"read","value":1,"time":${NOW}0013}`,
      'linearizable',
    ],
    [
      'an end before the start',
      `{"op":"write","value":1,"start":${NOW}0011,"end":${NOW}0010}`,
      `item 1: ends at ${NOW}0010, before it starts at ${NOW}0011`,
    ],
  ])('%s', (_, items, verdict) => {
    expect(judge(parseNumerals(`[${items}]`))).toBe(verdict)
  })

  it('are shown as they are', () => {
    const parsed = parseHistory(
      parseNumerals(
        `[{"op":"write","value":${BIG},"start":0,"end":${NOW}0010},{"op":"read","value":${NEXT},"start":${NOW}0011,"end":${NOW}0012}]`,
      ),
    )
    const verdict = checkLinearizability('operations' in parsed ? parsed.operations : [])
    const explanation = verdict.result === 'violation' ? verdict.explanation : ''
    expect(explanation).toContain(`up to time ${NOW}0012`)
    expect(explanation).toContain(`put x=${BIG}: ok [0, ${NOW}0010]`)
    expect(explanation).toContain(`get x: ${NEXT} [${NOW}0011, ${NOW}0012]`)
  })
})
