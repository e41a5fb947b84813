import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import { checkState } from '../../src/core/invariants/state.ts'
import { checkTransition } from '../../src/core/invariants/transition.ts'
import type { Transfer } from '../../src/core/progress.ts'
import type { Leader, RaftState, Receiving } from '../../src/core/state.ts'
import { chunk } from '../paper/rpcs.ts'
import { readOut, sending, taken } from './sending.ts'
import { Server, n2, n3 } from './server.ts'

/* Claims about both halves of a transfer: each holds of what was reached, and fails once that is falsified. */

const sentenceOf = (check: () => void): string | null => {
  try {
    check()
    return null
  } catch (error) {
    if (error instanceof InvariantViolation) return error.claim
    throw error
  }
}

const leaderIn = ({ server: { role } }: RaftState): Leader => {
  if (role.type !== 'leader') throw new Error('the server does not lead')
  return role
}

const withLeader = (state: RaftState, changes: Partial<Leader>): RaftState => ({
  ...state,
  server: { ...state.server, role: { ...leaderIn(state), ...changes } },
})

const withTransfer = (state: RaftState, changes: Partial<Transfer>): RaftState =>
  withLeader(state, {
    progress: leaderIn(state).progress.map((to) => (to.mode === 'snapshot' ? { ...to, ...changes } : to)),
  })

describe('a sender', () => {
  /** Two objects are under way, and a third is being read. */
  const { state } = readOut(readOut(taken(), 1, 2), 2, 3)

  it.each<readonly [string, Partial<Transfer>]>([
    ['a time-out of a transfer is acted on', { idleTicks: 3 }],
    ['an installation is not awaited for ever', { installTicks: 6_000 }],
    ['a receiver is not followed for ever', { detours: 3 }],
    ['a transfer waits for its receiver or for its shell', { inflight: [], reading: null }],
    ['only what was sent is sent again', { resendBelow: 4 }],
    ['what is under way was sent', { objectsSent: 1 }],
    ['an offer is one object, and at most the last one waits to be put in force', { phase: 'offer' }],
  ])('%s', (sentence, changes) => {
    expect(sentenceOf(() => checkState(state))).toBeNull()
    expect(sentenceOf(() => checkState(withTransfer(state, changes)))).toBe(sentence)
  })

  const failure = { id: n2, failures: 1, retryAtTicks: 0, startsOver: false }

  it.each<readonly [string, Leader['failedTransfers']]>([
    ['transfers fail to members', [{ ...failure, failures: 0 }]],
    ['a member has one last failure', [failure, { ...failure, id: n3 }, failure]],
    ['a pause between transfers is limited', [{ ...failure, retryAtTicks: 49 }]],
  ])('%s', (sentence, failedTransfers) => {
    expect(sentenceOf(() => checkState(withLeader(state, { failedTransfers: [failure] })))).toBeNull()
    expect(sentenceOf(() => checkState(withLeader(state, { failedTransfers })))).toBe(sentence)
  })

  it.each<readonly [string, Partial<Transfer>, Partial<Transfer>]>([
    ['only objects under way are acknowledged', { objectsAcked: 2 }, {}],
    ['positions of objects never fall', {}, { objectsSent: 2 }],
    ['only progress ends a row of retries', { retries: 1 }, {}],
    ['a transfer is offered before it goes on', {}, { phase: 'offer', inflight: [] }],
  ])('%s', (sentence, before, after) => {
    const message = { type: 'applied', index: state.server.lastApplied } as const
    expect(sentenceOf(() => checkTransition(state, message, state, []))).toBeNull()
    expect(
      sentenceOf(() => checkTransition(withTransfer(state, before), message, withTransfer(state, after), [])),
    ).toBe(sentence)
  })

  it('a transfer that failed is followed by a pause', () => {
    const server = sending()
    const { state: begun } = server
    const failedTransfers = [{ id: n2, failures: 1, retryAtTicks: 1, startsOver: false }]
    const probing = withLeader(begun, {
      failedTransfers,
      progress: leaderIn(begun).progress.map(({ id, matchIndex, active, ackedRound, sentCommit, window }) => ({
        ...{ mode: 'probe', id, matchIndex, active, ackedRound, sentCommit, window },
        ...{ nextIndex: begun.log.lastIndex, paused: false },
      })),
    })
    const message = { type: 'applied', index: begun.server.lastApplied } as const
    expect(sentenceOf(() => checkTransition(probing, message, begun, server.outputs))).toBe(
      'a transfer that failed is followed by a pause',
    )
  })
})

describe('a receiver', () => {
  const { state } = new Server([1], { snapshotWindowBytes: 8 }).hear(n2, chunk(1)).hear(n2, chunk(2))
  const { receiving } = state.server
  if (receiving === null) throw new Error('nothing is received')
  const inOrder = 'waiting objects are in order, each once, none that is held'

  it.each<readonly [string, Partial<Receiving>]>([
    [inOrder, { queued: receiving.queued.toReversed() }],
    [inOrder, { position: 2 }],
    ['waiting objects are limited in bytes', { queued: [chunk(1, { data: '12345678' }), chunk(2)] }],
    ['objects of different transfers never mix', { queued: [chunk(1, { transferId: 2 })] }],
  ])('%s', (sentence, changes) => {
    expect(sentenceOf(() => checkState(state))).toBeNull()
    const falsified = { ...state, server: { ...state.server, receiving: { ...receiving, ...changes } } }
    expect(sentenceOf(() => checkState(falsified))).toBe(sentence)
  })
})
