import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { InputProblem } from '../../src/cli/files.ts'
import { openTrace } from '../../src/cli/trace-file.ts'
import { scratch } from './traces.ts'

const files = scratch()
afterAll(() => files.remove())

const LOG: string[] = []
const log = (text: string): void => void LOG.push(text)

describe('the file of a trace', () => {
  it('is a new one, or an empty one', () => {
    for (const file of [files.path('new'), files.file('empty', '')]) {
      openTrace(file, log).write('a line')
      expect(readFileSync(file, 'utf8')).toBe('a line\n')
    }
  })

  it('is never overwritten', () => {
    const file = files.file('full', 'the last moments\n')
    expect(() => openTrace(file, log)).toThrow(InputProblem)
    expect(() => openTrace(file, log)).toThrow(/full: is not empty, .*--trace/)
    expect(readFileSync(file, 'utf8')).toBe('the last moments\n')
  })

  it('gets whole lines from short writes', () => {
    const pieces: string[] = []
    const sink = openTrace(files.path('short'), log, (_descriptor, bytes, from) => {
      pieces.push(bytes.toString('utf8', from, from + 3))
      return Math.min(3, bytes.length - from)
    })
    sink.write('12345678')
    expect(pieces.join('')).toBe('12345678\n')
  })

  it('ends when a line cannot be written, with the reason, and costs the node nothing', () => {
    const file = files.path('disk')
    const told: string[] = []
    let calls = 0
    const sink = openTrace(
      file,
      (text) => told.push(text),
      () => {
        calls++
        throw new Error('ENOSPC: no space left on device')
      },
    )
    for (const line of ['a', 'b', 'c']) expect(() => sink.write(line)).not.toThrow()
    expect([calls, told]).toEqual([1, [expect.stringContaining('ENOSPC')]])
    expect(told[0]).toContain(file)
  })
})
