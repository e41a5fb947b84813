import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { deposedLeader, figureEight, firstElection, preVote } from './elections.ts'
import { crashAndRestart, linearizableRead, replication, snapshotTransfer } from './logs.ts'
import { transcriptOf } from './transcript.ts'

/*
 * Transcripts of small scenarios. They are documentation, and they fix what the core does message by message: a change
 * of it shows as a difference to review. UPDATE_GOLDEN=1 writes them anew.
 */

const SCENARIOS = [
  firstElection,
  replication,
  deposedLeader,
  figureEight,
  preVote,
  crashAndRestart,
  snapshotTransfer,
  linearizableRead,
]
const isUpdate = process.env['UPDATE_GOLDEN'] === '1'
const pathOf = (name: string): string => fileURLToPath(new URL(`${name}.txt`, import.meta.url))

describe('the transcript of a scenario is what it was', () => {
  it.each(SCENARIOS)('$title', (scenario) => {
    const path = pathOf(scenario.name)
    const text = transcriptOf(scenario)
    if (isUpdate) writeFileSync(path, text)
    expect(text).toBe(existsSync(path) ? readFileSync(path, 'utf8') : '')
  })

  it('and every file is one of them', () => {
    const names = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.txt'))
    expect(names).toEqual(SCENARIOS.map(({ name }) => `${name}.txt`).sort())
  })
})
