import { describe, expect, it } from 'vitest'
import { withNotice } from '../../src/cli/notice.ts'

describe('a notice', () => {
  it('says what takes long, again and again, and gives the result', async () => {
    const said: string[] = []
    let finish: (value: number) => void = () => undefined
    const work = new Promise<number>((resolve) => (finish = resolve))
    const say = (line: string): void => {
      said.push(line)
      if (said.length === 3) finish(7)
    }
    expect(await withNotice(work, 'opening x', say, 1)).toBe(7)
    expect(said[0]).toMatch(/^opening x, \d+ s$/)
  })

  it('is silent about what is done at once, and about what fails', async () => {
    const said: string[] = []
    expect(await withNotice(Promise.resolve(1), 'x', (line) => said.push(line), 1)).toBe(1)
    await expect(withNotice(Promise.reject(new Error('no')), 'x', (line) => said.push(line), 1)).rejects.toThrow('no')
    expect(said).toEqual([])
  })
})
