import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildChild, runChild } from './support-crash-child.ts'
import { TemporaryDirectories } from './support-storage.ts'

const directories = new TemporaryDirectories()
let program = ''
beforeAll(async () => {
  program = await buildChild(await directories.make())
})
afterAll(() => directories.remove())

/** `npm run kills` makes 10,000. */
const KILLS = Number(process.env['RAFT_KILLS'] ?? 100)
/** A kill takes about 0.15 s: this only guards against a server that hangs. */
const LIMIT_MS = 60_000 + KILLS * 3_000

describe('a process that is killed at any moment', () => {
  it(
    'has, after a restart, every write that it acknowledged, in order and once',
    async () => {
      const directory = await directories.make()
      let acknowledged = -1
      let snapshot = 0
      for (let kill = 0; kill < KILLS; kill++) {
        const patience = Math.floor(Math.random() * 60)
        // Between lines, too: within a write, a snapshot, now and then a recovery.
        const isEarly = kill % 4 === 3
        const delay = Math.random() * (isEarly ? 200 : 8)
        const { lines, signal, errors } = await runChild(program, directory, (line, child) => {
          const isEnough = (line?.acknowledged ?? line?.recovered ?? -1) - acknowledged > patience
          if (isEnough || (isEarly && line === null)) setTimeout(() => child.kill('SIGKILL'), delay)
        })
        expect({ signal, errors }).toEqual({ signal: 'SIGKILL', errors: '' })
        const [first, ...acknowledgements] = lines
        if (first === undefined) continue
        expect(first.faults).toEqual([])
        const recovered = first.recovered ?? -1
        expect(recovered).toBeGreaterThan(acknowledged)
        expect(acknowledgements.map((line) => line.acknowledged)).toEqual(
          acknowledgements.map((_, at) => recovered + at),
        )
        expect(first.snapshot).toBeGreaterThanOrEqual(snapshot)
        snapshot = first.snapshot ?? 0
        acknowledged = recovered + acknowledgements.length - 1
        if (kill % 500 === 499) process.stderr.write(`${kill + 1} of ${KILLS} kills, ${acknowledged + 1} writes\n`)
      }
      expect(snapshot).toBeGreaterThan(100)
    },
    LIMIT_MS,
  )
})
