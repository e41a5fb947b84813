import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { initial, restart, type Remains } from '../../src/core/start.ts'
import { Server, THREE, command, logOfTerms, n1, snapshotAt } from './server.ts'
import type { Options } from '../../src/core/config.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'

const remains = (given: Partial<Remains>): Remains => ({
  id: n1,
  hardState: { currentTerm: term(5), votedFor: null },
  snapshot: snapshotAt(0, 0),
  entries: [],
  ...given,
})

const stranger: Entry = {
  type: 'configuration',
  index: index(4),
  term: term(2),
  bytes: 0,
  configuration: configurationOf([nodeId('x')]),
}

describe('restart refuses', () => {
  it.each<[string, Partial<Remains>]>([
    [
      'a gap between snapshot and log (hashicorp/raft #85)',
      { base: { index: index(3), term: term(1) }, entries: [command(4, 1)] },
    ],
    ['a hole in the log', { entries: [command(1, 1), command(3, 1)] }],
    ['terms that fall', { entries: [command(1, 2), command(2, 1)] }],
    ['a log beyond currentTerm', { hardState: { currentTerm: term(1), votedFor: null }, entries: [command(1, 2)] }],
    ['more applied than there is', { entries: [command(1, 1)], lastApplied: index(2) }],
  ])('%s', (_, given) => {
    expect(() => restart(remains(given))).toThrow(UsageError)
  })
})

describe('restart', () => {
  it('starts applied and committed at the snapshot, not at 0', () => {
    const { server } = restart(remains({ snapshot: snapshotAt(7, 3) }))
    expect([server.commitIndex, server.applyingIndex, server.lastApplied]).toEqual([7, 7, 7])
  })

  it('drops a log that contradicts the snapshot', () => {
    const { log } = restart(
      remains({
        base: { index: index(0), term: term(0) },
        snapshot: snapshotAt(3, 3),
        entries: logOfTerms(1, 1, 1, 1),
      }),
    )
    expect([log.baseIndex, log.baseTerm, log.lastIndex]).toEqual([3, 3, 3])
  })

  it('drops the configurations of a log it drops (openraft #1808)', () => {
    const entries = [...logOfTerms(1, 1, 1), stranger]
    const { server } = restart(
      remains({ base: { index: index(0), term: term(0) }, snapshot: snapshotAt(3, 3), entries }),
    )
    expect(server.configurations).toEqual([{ index: 0, configuration: THREE }])
  })

  it('keeps the vote of its term', () => {
    expect(restart(remains({ hardState: { currentTerm: term(5), votedFor: nodeId('n2') } })).server.votedFor).toBe('n2')
  })

  it('goes on with a transfer whose objects survived', () => {
    const received = { snapshot: snapshotAt(9, 4), nextObjectId: 'k', digest: 17 }
    expect(restart(remains({ received })).server.receiving).toMatchObject({ phase: 'transfer', nextObjectId: 'k' })
  })

  /** Found by `raft sim --seed 0x344`: offered object 0 again, it refused it for ever. */
  it('has no use for a transfer of what is in force already', () => {
    const received = { snapshot: snapshotAt(3, 3), nextObjectId: 'k', digest: 17 }
    expect(restart(remains({ received, snapshot: snapshotAt(3, 3) })).server.receiving).toBeNull()
  })

  it('begins a transfer anew whose objects had all come', () => {
    const received = { snapshot: snapshotAt(9, 4), nextObjectId: 0, digest: 17 }
    expect(restart(remains({ received })).server.receiving).toBeNull()
  })

  it('forgets a transfer of a term that did not reach the disk', () => {
    const received = { snapshot: snapshotAt(9, 6), nextObjectId: 'k', digest: 17 }
    expect(restart(remains({ received })).server.receiving).toBeNull()
  })

  it('hears no candidate for an election timeout, as it may have promised its silence', () => {
    expect(new Server([1], { checkQuorum: true }).server.stickyTicks).toBe(10)
  })
})

describe('a single server', () => {
  const alone = (terms: readonly number[] = [], options: Partial<Options> = {}): Server =>
    new Server(terms, options, { snapshot: { ...snapshotAt(0, 0), configuration: configurationOf([n1]) } })

  it('leads as soon as its own vote is durable, and not before', () => {
    const server = alone().do({ type: 'campaign' })
    expect(server.server.role.type).toBe('candidate')
    expect(server.saved().server.role.type).toBe('leader')
  })

  it('asks nobody first, and waits for no lease: there is nobody else', () => {
    const server = alone([1], { preVote: true, checkQuorum: true }).do({ type: 'campaign' })
    expect(server.server.role.type).toBe('candidate')
  })

  it('commits once its disk has the entry', () => {
    const server = alone().do({ type: 'campaign' }).saved().propose('x')
    expect(server.server.commitIndex).toBe(0)
    expect(server.saved().outputOf('apply')[0]?.entries.length).toBe(1)
  })
})

describe('a server among others', () => {
  it('asks them first', () => {
    expect(new Server([1], { preVote: true }).do({ type: 'campaign' }).server.role.type).toBe('preCandidate')
  })

  it('does not campaign against a leader it may have vouched for before it crashed', () => {
    expect(new Server([1], { checkQuorum: true }).do({ type: 'campaign' }).ignored).toEqual(['leader is alive'])
  })

  it('starts in term 0 without a log', () => {
    const { server, log } = initial({ id: n1, configuration: THREE })
    expect([server.currentTerm, server.votedFor, log.lastIndex]).toEqual([0, null, 0])
  })
})
