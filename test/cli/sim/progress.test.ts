import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Progress } from '../../../src/cli/sim/progress.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const screen = (isTTY: boolean) => {
  const written: string[] = []
  return { isTTY, written, write: (text: string) => written.push(text) }
}

describe('progress', () => {
  it('is a line every half minute where nobody watches', () => {
    const { written, ...log } = screen(false)
    const progress = new Progress(log, 40)
    progress.count(30_000, true)
    vi.advanceTimersByTime(29_999)
    expect(written).toEqual([])
    vi.advanceTimersByTime(1)
    expect(written).toEqual(['raft sim: 1 of 40 runs, 1000 steps/s, 1 finding\n'])
    vi.advanceTimersByTime(60_000)
    expect(written).toHaveLength(3)
    progress.end()
  })

  it('is one line at a terminal, written over ten times a second at most', () => {
    const { written, ...terminal } = screen(true)
    const progress = new Progress(terminal, null)
    vi.advanceTimersByTime(1_000)
    expect(written).toHaveLength(10)
    expect(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true)
    expect(written[0]).toContain('0 runs, ')
    progress.end()
  })

  it('makes room for results, and leaves nothing behind', () => {
    const { written, ...terminal } = screen(true)
    const progress = new Progress(terminal, null)
    progress.clear()
    expect(written).toEqual([])
    vi.advanceTimersByTime(100)
    progress.clear()
    progress.end()
    vi.advanceTimersByTime(1_000)
    expect(written.at(-1)).toBe('\r\u001b[K')
    expect(written).toHaveLength(2)
  })
})
