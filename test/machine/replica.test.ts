import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Options } from '../../src/core/config.ts'
import type { JsonValue } from '../../src/core/entry.ts'
import { index, nodeId, term, type NodeId } from '../../src/core/ids.ts'
import { birthSnapshot } from '../../src/core/start.ts'
import type { StateMachine } from '../../src/machine/machine.ts'
import { overtaken } from '../../src/machine/pending.ts'
import { createReplica, replicaStep, restartReplica } from '../../src/machine/replica.ts'
import type { Replica, ReplicaMessage, ReplicaOutput } from '../../src/machine/replica-state.ts'
import { copiesBetween } from '../support/copies.ts'

const [n1, n2, n3] = ['n1', 'n2', 'n3'].map((name) => nodeId(name)) as [NodeId, NodeId, NodeId]

/** Counts commands; the result is the number of the command. */
const COUNTER: StateMachine<number, JsonValue, number> = {
  initial: 0,
  apply: (count, commands) => [count + commands.length, commands.map((_, at) => count + at + 1)],
  readObject: (count) => ({ data: String(count), next: null }),
  writeObject: (_, __, data) => ({ state: Number(data), next: null }),
}

const QUIET: Partial<Options> = { preVote: false, checkQuorum: false, noopOnElection: false, snapshotEntries: 0 }

type Output = ReplicaOutput<number>

/** One replica, whose disk answers when told to. */
class Host {
  replica: Replica<number, number>
  outputs: readonly Output[] = []

  constructor(replica: Replica<number, number>) {
    this.replica = replica
  }

  static of(ids: readonly NodeId[], options: Partial<Options> = {}): Host {
    const configuration = configurationOf(ids)
    return new Host(createReplica(COUNTER, { id: n1, configuration, options: { ...QUIET, ...options } }))
  }

  do(message: ReplicaMessage): this {
    const [replica, outputs] = replicaStep(COUNTER, this.replica, message)
    this.replica = replica
    this.outputs = outputs
    return this
  }

  saved(): this {
    const { raft } = this.replica
    return this.do({ type: 'saved', sequence: raft.server.saveSequence, lastIndex: raft.log.lastIndex })
  }

  lead(): this {
    this.do({ type: 'campaign' }).saved()
    const { role, currentTerm } = this.replica.raft.server
    return role.type === 'leader'
      ? this
      : this.do({
          type: 'receive',
          from: n2,
          rpc: { type: 'RequestVoteResponse', term: currentTerm, voteGranted: true },
        })
  }

  propose(id: number | string, count = 1): this {
    return this.do({ type: 'propose', id, commands: Array.from({ length: count }, (_, at) => at) })
  }

  /** A leader of `inTerm` sends blank entries behind `prev`. */
  follow(inTerm: number, [prev, prevTerm]: readonly [number, number], terms: readonly number[], commit = 0): this {
    const entries = terms.map((each, at) => ({
      type: 'noop' as const,
      index: index(prev + at + 1),
      term: term(each),
      bytes: 0,
    }))
    const rpc = {
      type: 'AppendEntries' as const,
      term: term(inTerm),
      leaderId: n2,
      prevLogIndex: index(prev),
      prevLogTerm: term(prevTerm),
      entries,
      leaderCommit: index(commit),
      round: 1,
    }
    return this.do({ type: 'receive', from: n2, rpc })
  }

  acknowledge(match: number): this {
    const { currentTerm } = this.replica.raft.server
    const rpc = { type: 'AppendEntriesResponse', term: currentTerm, success: true, matchIndex: index(match), round: 0 }
    return this.do({ type: 'receive', from: n2, rpc: rpc as never })
  }

  get answers() {
    return this.outputs.flatMap((output) =>
      output.type === 'completed'
        ? [[output.id, 'completed']]
        : output.type === 'lost'
          ? [[output.id, output.reason]]
          : [],
    )
  }

  get applied(): number {
    return this.outputs.reduce((sum, output) => sum + (output.type === 'applied' ? output.entries.length : 0), 0)
  }

  has(type: Output['type']): boolean {
    return this.outputs.some((output) => output.type === type)
  }
}

describe('a proposal of a leader that was deposed and leads again', () => {
  /** In term 1 'old' is at 3, never sent; another leader's entry of term 2 takes index 1; in term 3 'new' is at 2. */
  const again = () =>
    Host.of([n1, n2, n3]).lead().propose('older', 2).propose('old').follow(2, [0, 0], [2]).saved().lead().propose('new')

  it('at a lower index is completed, and the earlier ones are overwritten', () => {
    expect(again().saved().acknowledge(2).answers).toEqual([
      ['older', 'overwritten'],
      ['old', 'overwritten'],
      ['new', 'completed'],
    ])
  })

  it('is overwritten as soon as an entry of a later term is applied before it', () => {
    const host = again().follow(4, [1, 2], [], 1)
    expect([host.applied, host.answers]).toEqual([
      1,
      [
        ['older', 'overwritten'],
        ['old', 'overwritten'],
      ],
    ])
  })

  it('has no answer for being truncated: another server may hold it', () => {
    const host = Host.of([n1, n2, n3]).lead().propose('old', 2).follow(2, [0, 0], [2])
    expect(host.answers).toEqual([])
    const command = { type: 'command', term: term(1), bytes: 1 } as const
    const entries = [0, 1].map((at) => ({ ...command, index: index(at + 1), command: at }))
    const rpc = {
      type: 'AppendEntries',
      term: term(3),
      leaderId: n3,
      prevLogIndex: index(0),
      prevLogTerm: term(0),
    } as const
    host.do({ type: 'receive', from: n3, rpc: { ...rpc, entries, leaderCommit: index(2), round: 1 } })
    expect(host.saved().answers).toEqual([['old', 'completed']])
  })

  it('of which only the first commands are committed has an unknown outcome', () => {
    const host = Host.of([n1, n2, n3]).lead().propose('cut', 3).follow(2, [1, 1], [2], 2).saved()
    expect(host.answers).toEqual([['cut', 'unknown']])
  })
})

describe('a proposal that several batches apply', () => {
  it('is completed with all its results', () => {
    const host = Host.of([n1], { applyEntriesMax: 2 }).lead().propose('long', 5).saved()
    const completed = () => host.outputs.find((output) => output.type === 'completed')
    expect(completed()).toBeUndefined()
    host.do({ type: 'continue' }).do({ type: 'continue' })
    expect(completed()).toEqual({ type: 'completed', id: 'long', firstIndex: 1, results: [1, 2, 3, 4, 5] })
  })
})

describe('a proposal that a received snapshot has passed', () => {
  const snapshot = (last: number, inTerm: number) => ({
    lastIncludedIndex: index(last),
    lastIncludedTerm: term(inTerm),
    configuration: configurationOf([n1, n2, n3]),
    configurationIndex: index(0),
  })
  it.each([
    ['may be in it', 4, 2, 'unknown'],
    ['cannot follow it', 1, 2, 'overwritten'],
  ])('%s', (_, last, inTerm, reason) => {
    const host = Host.of([n1, n2, n3]).lead().propose('early').propose('old', 2)
    const [, answers] = overtaken(host.replica.pending, snapshot(last, inTerm))
    expect(answers.at(-1)).toMatchObject({ id: 'old', reason })
  })

  it('waits where it may still follow', () => {
    const host = Host.of([n1, n2, n3]).lead().propose('early').propose('old', 2)
    expect(overtaken(host.replica.pending, snapshot(1, 1))[1]).toEqual([
      { type: 'lost', id: 'early', reason: 'unknown' },
    ])
  })
})

describe('one step applies one batch', () => {
  /** A lone server that comes back with a log of which it does not know what is committed. */
  const back = (count: number, options: Partial<Options> = {}) => {
    const entries = Array.from({ length: count }, (_, at) => ({
      type: 'command' as const,
      index: index(at + 1),
      term: term(1),
      bytes: 1,
      command: at,
    }))
    const remains = {
      id: n1,
      options: { ...QUIET, noopOnElection: true, applyEntriesMax: 10, ...options },
      hardState: { currentTerm: term(1), votedFor: n1 },
      snapshot: birthSnapshot(configurationOf([n1])),
      entries,
    }
    return new Host(restartReplica<number, JsonValue, number>(COUNTER, remains, [])).lead().saved()
  }

  it('and asks to go on', () => {
    const host = back(95)
    expect([host.applied, host.outputs.at(-1)]).toEqual([10, { type: 'continue' }])
  })

  it('until all is applied', () => {
    const host = back(95)
    const sizes = [host.applied]
    while (host.has('continue')) sizes.push(host.do({ type: 'continue' }).applied)
    expect([sizes, host.replica.machine]).toEqual([[10, 10, 10, 10, 10, 10, 10, 10, 10, 6], 95])
  })

  it('with other messages as well, which do not ask again', () => {
    const host = back(95).do({ type: 'tick' })
    expect([host.applied, host.has('continue')]).toEqual([10, false])
  })

  it('so that the machine is at lastApplied after each', () => {
    const host = back(95)
    expect([host.replica.machine, host.replica.raft.server.lastApplied]).toEqual([10, 10])
    host.do({ type: 'capture' })
    expect(host.outputs.find(({ type }) => type === 'saveSnapshot')).toMatchObject({
      snapshot: { lastIncludedIndex: 10 },
    })
  })

  it('and a read waits for the batch that reaches its index', () => {
    const host = back(25).do({ type: 'read', id: 'r', mode: 'quorum' })
    expect(host.has('readable')).toBe(false)
    expect(host.do({ type: 'continue' }).outputs.find(({ type }) => type === 'readable')).toMatchObject({ index: 26 })
  })

  it('and `continue` without anything to apply does nothing', () => {
    const host = back(5)
    const { replica } = host
    expect([host.do({ type: 'continue' }).replica, host.outputs]).toEqual([replica, []])
  })
})

describe('what waits is bounded', () => {
  const refused = ({ outputs }: Host) => outputs.filter(({ type }) => type === 'refused')

  it('proposals that no disk makes durable are refused', () => {
    const host = Host.of([n1, n2], { uncommittedEntriesMax: 2 }).lead().propose(1).propose(2).acknowledge(2)
    expect(refused(host.propose(3))).toEqual([{ type: 'refused', id: 3, reason: 'busy', leader: n1 }])
  })

  it('but never the first of a term for what earlier terms left', () => {
    const host = Host.of([n1, n2, n3], { uncommittedEntriesMax: 2 }).lead().propose(1).propose(2).follow(2, [0, 0], [2])
    expect(refused(host.saved().lead().propose(3))).toEqual([])
  })

  it('reads that the machine does not reach are refused', () => {
    const host = Host.of([n1], { applyEntriesMax: 1, pendingReadsMax: 2, noopOnElection: true }).lead().saved()
    host.propose(1, 9).saved()
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8]) host.do({ type: 'read', id, mode: 'lease' })
    expect(host.replica.reads.front.length).toBeLessThanOrEqual(2)
  })
})

const waitingIn = ({ pending, raft: { server } }: Replica<number>): unknown => ({ pending, role: server.role })

describe('one more that waits costs the same however many do', () => {
  const copiedBy = (host: Host, count: number, message: (id: number) => ReplicaMessage): number => {
    for (let id = 0; id < count; id++) host.do(message(id))
    let copied = 0
    for (let id = count; id < count + 256; id++) {
      const { replica } = host
      host.do(message(id))
      copied += copiesBetween(waitingIn(replica), waitingIn(host.replica))
    }
    return copied / 256
  }

  it.each([300, 2_000])('a proposal, with %i', (count) => {
    const propose = (id: number): ReplicaMessage => ({ type: 'propose', id, commands: [id] })
    expect(copiedBy(Host.of([n1, n2, n3], { inflightMessagesMax: 1 }).lead(), count, propose)).toBeLessThan(160)
  })

  it.each([300, 2_000])('a read, with %i', (count) => {
    const read = (id: number): ReplicaMessage => ({ type: 'read', id, mode: 'quorum' })
    expect(copiedBy(Host.of([n1, n2, n3]).lead(), count, read)).toBeLessThan(160)
  })
})
