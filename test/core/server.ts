import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Options } from '../../src/core/config.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term, type NodeId } from '../../src/core/ids.ts'
import { checkState } from '../../src/core/invariants/state.ts'
import { checkTransition } from '../../src/core/invariants/transition.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output, Send } from '../../src/core/output.ts'
import type { AppendEntries, Rpc, SnapshotMeta } from '../../src/core/rpc.ts'
import { birthSnapshot, restart, type Remains } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'

export const [n1, n2, n3] = ['n1', 'n2', 'n3'].map((name) => nodeId(name)) as [NodeId, NodeId, NodeId]
export const THREE = configurationOf([n1, n2, n3])

export const command = (at: number, inTerm: number, bytes = 10): Entry => ({
  type: 'command',
  index: index(at),
  term: term(inTerm),
  bytes,
  command: at,
})

/** Entries 1, 2, 3 … of the given terms. */
export const logOfTerms = (...terms: readonly number[]): readonly Entry[] =>
  terms.map((each, at) => command(at + 1, each))

export const snapshotAt = (last: number, inTerm: number): SnapshotMeta => ({
  lastIncludedIndex: index(last),
  lastIncludedTerm: term(inTerm),
  configuration: THREE,
  configurationIndex: index(0),
})

const QUIET: Partial<Options> = { preVote: false, checkQuorum: false, noopOnElection: false, snapshotEntries: 0 }

/** One server, with what it last said. Every step is checked. */
export class Server {
  state: RaftState
  outputs: readonly Output[] = []

  constructor(terms: readonly number[], options: Partial<Options> = {}, remains: Partial<Remains> = {}) {
    this.state = restart({
      id: n1,
      options: { ...QUIET, ...options },
      hardState: { currentTerm: term(Math.max(0, ...terms)), votedFor: null },
      snapshot: birthSnapshot(THREE),
      entries: logOfTerms(...terms),
      ...remains,
    })
    checkState(this.state)
  }

  get server() {
    return this.state.server
  }

  do(message: Message): this {
    const [after, outputs] = step(this.state, message)
    checkTransition(this.state, message, after, outputs)
    checkState(after)
    this.state = after
    this.outputs = outputs
    return this
  }

  hear(from: NodeId, rpc: Rpc): this {
    return this.do({ type: 'receive', from, rpc })
  }

  tick(times = 1): this {
    for (let at = 0; at < times; at++) this.do({ type: 'tick' })
    return this
  }

  /** The disk has done everything it was asked for. */
  saved(): this {
    return this.do({ type: 'saved', sequence: this.server.saveSequence, lastIndex: this.state.log.lastIndex })
  }

  /** Campaigns and wins, its vote durable. */
  lead(): this {
    this.do({ type: 'campaign' }).saved()
    return this.hear(n2, { type: 'RequestVoteResponse', term: this.server.currentTerm, voteGranted: true })
  }

  propose(...commands: readonly (string | number)[]): this {
    return this.do({ type: 'propose', id: 'p', commands })
  }

  acknowledge(from: NodeId, matchIndex: number, round = 0): this {
    const { currentTerm } = this.server
    return this.hear(from, {
      type: 'AppendEntriesResponse',
      term: currentTerm,
      success: true,
      matchIndex: index(matchIndex),
      round,
      silenceTicks: this.state.options.electionTimeoutTicks,
    })
  }

  /** Sent at once. */
  get sends(): readonly Send[] {
    return this.outputs.filter((output) => output.type === 'send')
  }

  /** Sent once the save is durable. */
  get promised(): readonly Send[] {
    return this.outputs.flatMap((output) => (output.type === 'save' ? output.then : []))
  }

  /** Everything said to a server, now or later. */
  said<T extends Rpc['type']>(type: T, to?: NodeId): readonly Extract<Rpc, { readonly type: T }>[] {
    const all = [...this.sends, ...this.promised].filter((send) => to === undefined || send.to === to)
    return all.flatMap(({ rpc }) => (rpc.type === type ? [rpc as Extract<Rpc, { readonly type: T }>] : []))
  }

  outputOf<T extends Output['type']>(type: T): readonly Extract<Output, { readonly type: T }>[] {
    return this.outputs.flatMap((output) =>
      output.type === type ? [output as Extract<Output, { readonly type: T }>] : [],
    )
  }

  get ignored(): readonly string[] {
    return this.outputOf('note').flatMap((note) => (note.event === 'ignored' ? [note.reason] : []))
  }

  get contradictions(): readonly string[] {
    return this.outputOf('note').flatMap((note) => (note.event === 'contradiction' ? [note.contradiction] : []))
  }

  progressOf(id: NodeId) {
    const { role } = this.server
    const found = role.type === 'leader' ? role.progress.find((each) => each.id === id) : undefined
    if (found === undefined) throw new Error('nobody is watched')
    return found
  }
}

export const append = (
  inTerm: number,
  prev: readonly [number, number],
  entries: readonly Entry[] = [],
  commit = 0,
): AppendEntries => ({
  type: 'AppendEntries',
  term: term(inTerm),
  leaderId: n2,
  prevLogIndex: index(prev[0]),
  prevLogTerm: term(prev[1]),
  entries,
  leaderCommit: index(commit),
  round: 1,
})
