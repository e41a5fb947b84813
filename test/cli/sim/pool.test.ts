import { describe, expect, it } from 'vitest'
import { inOrder, type Runner } from '../../../src/cli/sim/pool.ts'
import { turns } from './support.ts'

const never = new AbortController().signal

/** Runners that finish when told to, and a look at what they do. */
const crew = () => {
  const running = new Map<number, (result: number | Error) => void>()
  const begun: number[] = []
  let stopped = 0
  let hired = 0
  const hire = (): Runner<number, number> => {
    hired++
    return {
      run: (task) =>
        new Promise((resolve, reject) => {
          begun.push(task)
          running.set(task, (result) => {
            running.delete(task)
            if (result instanceof Error) reject(result)
            else resolve(result)
          })
        }),
      stop: () => Promise.resolve(stopped++),
    }
  }
  const finish = async (task: number, result: number | Error = task * 10): Promise<void> => {
    running.get(task)?.(result)
    await turns(2)
  }
  return { hire, begun, running, finish, counts: () => ({ hired, stopped }) }
}

/** Listens in the background, as a test has to let the tasks finish meanwhile. */
const listen = (results: AsyncIterable<number>) => {
  const heard: number[] = []
  const ended = (async (): Promise<string> => {
    try {
      for await (const result of results) heard.push(result)
      return 'end'
    } catch (error) {
      return error instanceof Error ? error.message : 'unknown'
    }
  })()
  return { heard, ended }
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

describe('runs at the same time', () => {
  it('are told of in their order, whichever finishes first', async () => {
    const { hire, finish } = crew()
    const { heard, ended } = listen(inOrder(upTo(3), { jobs: 3, hire, signal: never }))
    await finish(2)
    await finish(1)
    expect(heard).toEqual([])
    await finish(0)
    expect([await ended, heard]).toEqual(['end', [0, 10, 20]])
  })

  it('are no more than there are jobs', async () => {
    const { hire, finish, running, counts } = crew()
    const { ended } = listen(inOrder(upTo(6), { jobs: 2, hire, signal: never }))
    for (let task = 0; task < 6; task++) {
      await turns(2)
      expect(running.size).toBeLessThanOrEqual(2)
      await finish(task)
    }
    expect([await ended, counts()]).toEqual(['end', { hired: 2, stopped: 2 }])
  })

  it('need no more threads than there are runs', async () => {
    const { hire, finish, counts } = crew()
    const { ended } = listen(inOrder(upTo(1), { jobs: 8, hire, signal: never }))
    await finish(0)
    await ended
    expect(counts()).toEqual({ hired: 1, stopped: 1 })
  })

  it('do not run away from a slow one', async () => {
    const { hire, finish, begun } = crew()
    listen(inOrder(upTo(1_000), { jobs: 2, hire, signal: never }))
    await turns(2)
    for (let task = 1; task < 100; task++) await finish(task)
    expect(begun).toHaveLength(16)
    await finish(0)
    expect(begun.length).toBeGreaterThan(16)
  })

  it('are taken up only when somebody is free', async () => {
    const { hire, finish } = crew()
    let taken = 0
    const counted = function* (): Generator<number> {
      for (const task of upTo(9)) yield (taken++, task)
    }
    listen(inOrder(counted(), { jobs: 2, hire, signal: never }))
    await turns(2)
    expect(taken).toBe(2)
    await finish(1)
    expect(taken).toBe(3)
  })

  it('fail in their turn, and nothing is begun after that', async () => {
    const { hire, finish, begun, counts } = crew()
    const { heard, ended } = listen(inOrder(upTo(9), { jobs: 3, hire, signal: never }))
    await turns(2)
    await finish(1, new Error('a bug'))
    await finish(2)
    await finish(0)
    expect([await ended, heard, begun]).toEqual(['a bug', [0], [0, 1, 2]])
    expect(counts().stopped).toBe(3)
  })

  it('end at once when interrupted', async () => {
    const interruption = new AbortController()
    const { hire, finish, counts } = crew()
    const { heard, ended } = listen(inOrder(upTo(9), { jobs: 2, hire, signal: interruption.signal }))
    await finish(0)
    interruption.abort()
    expect([await ended, heard, counts()]).toEqual(['end', [0], { hired: 2, stopped: 2 }])
  })

  it('end when nobody listens any more', async () => {
    const { hire, finish, begun, counts } = crew()
    const results = inOrder(upTo(9), { jobs: 2, hire, signal: never })
    const first = results.next()
    await finish(0)
    await first
    await results.return(undefined)
    const before = begun.length
    await finish(1)
    expect([begun.length, counts().stopped]).toEqual([before, 2])
  })

  it('may be none', async () => {
    const { hire, counts } = crew()
    const { ended } = listen(inOrder([], { jobs: 2, hire, signal: never }))
    expect([await ended, counts()]).toEqual(['end', { hired: 0, stopped: 0 }])
  })
})
