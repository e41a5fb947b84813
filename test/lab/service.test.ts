import { describe, expect, it } from 'vitest'
import type { ApplyMessage, Command } from './lab-raft.ts'
import { LabService, type History } from './service.ts'

/* The judge of what Raft applies. */

const commandAt = (commandIndex: number, command: Command): ApplyMessage => ({
  commandValid: true,
  command,
  commandIndex,
})

const snapshotAt = (snapshotIndex: number, snapshot: string): ApplyMessage => ({
  snapshotValid: true,
  snapshot,
  snapshotTerm: 1,
  snapshotIndex,
})

interface Taken {
  readonly index: number
  readonly blob: string
}

const withSnapshots = (history: History = new Map()): { readonly service: LabService; readonly taken: Taken[] } => {
  const taken: Taken[] = []
  return { service: new LabService(0, history, (index, blob) => taken.push({ index, blob })), taken }
}

describe('without snapshots', () => {
  it('no two servers may apply different values at an index, whenever they lived', () => {
    const history: History = new Map()
    new LabService(0, history, null).apply(commandAt(1, 'a'))
    expect(() => new LabService(1, history, null).apply(commandAt(1, 'b'))).toThrow('commit index=1 server=1 b != a')
    expect(() => new LabService(0, history, null).apply(commandAt(1, 'a'))).not.toThrow()
  })

  it('an index comes after the one before it', () => {
    const service = new LabService(0, new Map(), null)
    service.apply(commandAt(1, 'a'))
    expect(() => service.apply(commandAt(3, 'c'))).toThrow('out of order')
    expect(() => new LabService(1, new Map(), null).apply(commandAt(2, 'b'))).toThrow('out of order')
  })

  it('nobody sends a snapshot', () => {
    expect(() => new LabService(0, new Map(), null).apply(snapshotAt(9, ''))).toThrow('nobody took')
  })
})

describe('with snapshots', () => {
  const filled = (count: number) => {
    const made = withSnapshots()
    for (let index = 1; index <= count; index++) made.service.apply(commandAt(index, index * 10))
    return made
  }

  it('one is taken after 9, 19, 29 …, with all of history', () => {
    const { taken } = filled(30)
    expect(taken.map(({ index }) => index)).toEqual([9, 19, 29])
    expect(JSON.parse(taken[0]?.blob ?? '')).toEqual([9, [null, 10, 20, 30, 40, 50, 60, 70, 80, 90]])
  })

  it('a restart continues right after the persisted one', () => {
    const blob = filled(9).taken[0]?.blob ?? ''
    const { service } = withSnapshots()
    service.restore(blob)
    expect([service.lastApplied, service.valueAt(9)]).toEqual([9, 90])
    expect(() => service.apply(commandAt(1, 10))).toThrow('applies 1, expected 10')
    service.apply(commandAt(10, 100))
    expect(service.lastApplied).toBe(10)
  })

  it('a received one replaces the state, under its own index, and never goes back', () => {
    const { taken } = filled(19)
    const { service } = withSnapshots()
    service.apply(commandAt(1, 10))
    expect(() => service.apply(snapshotAt(10, taken[0]?.blob ?? ''))).toThrow('snapshot 9 as 10')
    service.apply(snapshotAt(19, taken[1]?.blob ?? ''))
    expect(service.valueAt(19)).toBe(190)
    expect(() => service.apply(snapshotAt(9, taken[0]?.blob ?? ''))).toThrow('goes back from 19')
  })

  it.each(['', '7', '[3,[null,1]]', '["3",[null]]'])('what the service did not make is refused: %s', (blob) => {
    expect(() => withSnapshots().service.apply(snapshotAt(3, blob))).toThrow('a snapshot')
  })

  it('what a snapshot holds is judged too', () => {
    const { service } = withSnapshots(new Map([[2, 'other']]))
    expect(() => service.apply(snapshotAt(9, filled(9).taken[0]?.blob ?? ''))).toThrow('commit index=2')
  })
})
