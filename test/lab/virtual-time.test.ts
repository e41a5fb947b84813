import { describe, expect, it } from 'vitest'
import { VirtualTime, type Script } from './virtual-time.ts'

/* Scripts run side by side in time that passes only when nothing is left to do. */

const sleeper = function* (time: VirtualTime, said: string[], name: string, pause: number): Script {
  for (let turn = 0; turn < 2; turn++) {
    yield pause
    said.push(`${name} at ${time.now}`)
  }
}

describe('virtual time', () => {
  it('lets scripts sleep side by side, and wait for each other', () => {
    const time = new VirtualTime()
    const said: string[] = []
    const main = function* (): Script {
      const slow = time.spawn(sleeper(time, said, 'slow', 30))
      const fast = time.spawn(sleeper(time, said, 'fast', 20))
      yield slow
      yield fast
      said.push(`main at ${time.now}`)
    }
    time.run(main(), 1000)
    expect(said).toEqual(['fast at 20', 'slow at 30', 'fast at 40', 'slow at 60', 'main at 60'])
  })

  it('does at the end of an instant what is asked for without a delay', () => {
    const time = new VirtualTime()
    const said: string[] = []
    time.after(5, () => time.after(0, () => said.push('later')))
    time.after(5, () => said.push('first'))
    const pause = function* (): Script {
      yield 5
      yield 0
    }
    time.run(pause(), 10)
    expect(said).toEqual(['first', 'later'])
  })

  it('ends at the limit, and where no script could ever end', () => {
    const tooLong = function* (): Script {
      yield 11
    }
    expect(() => new VirtualTime().run(tooLong(), 10)).toThrow('not over after 10 ms')
    const endless = function* (): Script {
      for (;;) yield 0
    }
    expect(() => new VirtualTime().run(endless(), 10)).toThrow('time stands still')
  })

  it('passes on what a script throws, also one at the side', () => {
    const time = new VirtualTime()
    const failing = function* (): Script {
      yield 3
      throw new Error('observed')
    }
    const main = function* (): Script {
      time.spawn(failing())
      yield 100
    }
    expect(() => time.run(main(), 1000)).toThrow('observed')
    expect(time.now).toBe(3)
  })
})
