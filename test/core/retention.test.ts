import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { initial } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { countReachable } from '../support/retention.ts'

/* Seed 004: "there be no reachable references (pointers) to the discarded log entries". */

const ids = ['n1', 'n2', 'n3'].map(nodeId)

/** Three servers after 200 entries that all have saved, sent, committed and applied; compacted if so asked. */
const cluster = (
  isCompacted: boolean,
): { readonly states: readonly RaftState[]; readonly saved: readonly WeakRef<object>[] } => {
  const options = { preVote: false, trailingEntries: 0 }
  let states = ids.map((id) => initial({ id, configuration: configurationOf(ids), options }))
  const saved: WeakRef<object>[] = []
  const deliver = (at: number, message: Message): void => {
    const state = states[at]
    if (state === undefined) throw new Error('no such server')
    const [next, outputs] = step(state, message)
    states = states.with(at, next)
    for (const output of outputs) perform(at, output)
  }
  const perform = (at: number, output: Output): void => {
    const from = ids[at]
    if (from === undefined) throw new Error('no such server')
    if (output.type === 'send') deliver(ids.indexOf(output.to), { type: 'receive', from, rpc: output.rpc })
    else if (output.type === 'apply')
      for (const { index } of output.entries.slice(-1)) deliver(at, { type: 'applied', index })
    else if (output.type === 'save') {
      for (const entry of output.entries) saved.push(new WeakRef(entry))
      for (const send of output.then) perform(at, send)
      deliver(at, { type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
    }
  }
  deliver(0, { type: 'campaign' })
  for (let id = 0; id < 200; id++) deliver(0, { type: 'propose', id, commands: [{ id }] })
  deliver(0, { type: 'tick' })
  if (isCompacted)
    for (const [at, { server }] of states.entries()) deliver(at, { type: 'snapshotTaken', index: server.lastApplied })
  return { states, saved }
}

describe('entries that were saved, sent, committed and applied', () => {
  it('are held by nothing once the logs are compacted', async () => {
    const { states, saved } = cluster(true)
    expect(states.map(({ log }) => log.baseIndex)).toEqual([201, 201, 201])
    expect([await countReachable(saved), saved.length]).toEqual([0, 603])
    expect(states).toHaveLength(3)
  })

  it('are held by the logs as long as they are not', async () => {
    const { states, saved } = cluster(false)
    expect(await countReachable(saved)).toBe(603)
    expect(states).toHaveLength(3)
  })
})
