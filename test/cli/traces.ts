import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { replay } from '../../src/trace/replay.ts'
import { RecordedCluster } from '../trace/cluster.ts'
import { traceIn } from '../trace/support.ts'

/** A directory of its own for each test file, with a way to put files there. */
export const scratch = () => {
  const directory = mkdtempSync(join(tmpdir(), 'raft-trace-'))
  return {
    path: (name: string): string => join(directory, name),
    file: (name: string, content: string | Buffer): string => {
      const path = join(directory, name)
      writeFileSync(path, content)
      return path
    },
    remove: (): void => {
      rmSync(directory, { recursive: true })
    },
  }
}

/** A sound run. */
export const soundTrace = (): string => new RecordedCluster({ seed: 5, events: 1_500, hashEvery: 4 }).run().text

/** A run whose servers come back without their disks, and so elect two leaders or commit twice. */
export const brokenTrace = (): string => {
  const options = { preVote: false, checkQuorum: false, electionTimeoutTicks: 4 }
  for (let seed = 1; seed < 60; seed++) {
    const { text } = new RecordedCluster({ seed, events: 2_500, amnesia: true, options }).run()
    if (replay(traceIn(text), { claims: true }).ending.type === 'violated') return text
  }
  throw new Error('no seed breaks anything')
}
