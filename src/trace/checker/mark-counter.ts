import { FIRST_OBJECT, INDEX_ZERO, successor, type NodeId, type Term } from '../../core/ids.ts'
import { termAt } from '../../core/log/log.ts'
import type { Message } from '../../core/message.ts'
import { sendsOf, type Output, type Save } from '../../core/output.ts'
import { newestOf } from '../../core/queue.ts'
import type { AppendEntries, AppendEntriesResponse } from '../../core/rpc.ts'
import type { RaftState } from '../../core/state.ts'
import type { Mark, Tally } from './marks.ts'
import { isBehind, requestIn, type Votes } from './votes.ts'
import type { Witness, Witnesses } from './witness.ts'

/** Sees in steps what a run is about. It judges nothing. */
export class MarkCounter {
  private readonly tally: Tally
  private readonly witnesses: Witnesses
  private readonly votes: Votes
  /** Terms in which somebody campaigned. */
  private readonly campaigns = new Set<Term>()
  /** Servers in which ticks have passed while a snapshot was put in force. */
  private readonly installing = new Set<NodeId>()
  /** Objects under way, by transfer. */
  private readonly objects = new Map<string, Set<unknown>>()

  constructor(tally: Tally, witnesses: Witnesses, votes: Votes) {
    this.tally = tally
    this.witnesses = witnesses
    this.votes = votes
  }

  restarted(witness: Witness): void {
    const { receiving } = witness.state.server
    witness.isResuming = receiving !== null && receiving.nextObjectId !== FIRST_OBJECT
  }

  step(witness: Witness, before: RaftState, message: Message, outputs: readonly Output[]): void {
    const { server } = witness.state
    if (server.role !== before.server.role) this.role(witness.state, before)
    this.input(witness.state, before, message, outputs)
    for (const output of outputs) this.output(witness, before, output)
    if (server.commitIndex > before.server.commitIndex && server.role.type === 'leader') {
      const first = termAt(witness.state.log, successor(before.server.commitIndex))
      if (first !== null && first < server.currentTerm) this.count('old term committed by a later one')
    }
  }

  private count(mark: Mark): void {
    this.tally.count(mark)
  }

  private role({ server }: RaftState, before: RaftState): void {
    const was = before.server.role.type
    const is = server.role.type
    if (is === 'leader' && was !== 'leader') this.count('leader elected')
    if (was === 'leader' && is !== 'leader')
      this.count(server.currentTerm > before.server.currentTerm ? 'leader deposed' : 'quorum lost')
    if (is !== 'candidate' || server.currentTerm === before.server.currentTerm) return
    const previous = (server.currentTerm - 1) as Term
    if (this.campaigns.has(previous) && this.votes.leaderOf(previous) === null) this.count('split vote')
    this.campaigns.add(server.currentTerm)
  }

  private input(after: RaftState, before: RaftState, message: Message, outputs: readonly Output[]): void {
    const asked = requestIn(message)
    if (asked !== null && isBehind(asked, before) && sendsOf(outputs).length > 0)
      this.count('vote refused to a log behind')
    if (message.type === 'tick' && before.server.receiving?.phase === 'install') this.installing.add(before.server.id)
    if (message.type === 'snapshotInstalled' && this.installing.delete(before.server.id))
      this.count('install took ticks')
    if (message.type === 'saved') {
      const { truncation, savedSequence } = before.server
      if (truncation !== null && message.sequence < truncation.sequence && message.sequence > savedSequence)
        this.count('late answer of a disk')
    }
    if (message.type === 'read' && after.server.role.type === 'leader') {
      if (newestOf(after.server.role.reads)?.index === null) this.count('read before the first commit')
    }
    if (message.type !== 'receive') return
    if (message.rpc.type === 'InstallSnapshot') {
      const { lastIncludedIndex } = message.rpc.snapshot
      const isNews = lastIncludedIndex > before.server.commitIndex
      if (isNews && after.server.commitIndex >= lastIncludedIndex) this.count('log kept at install')
    }
    if (message.rpc.type === 'AppendEntries') this.append(message.rpc, after, before, outputs)
    if (message.rpc.type === 'AppendEntriesResponse' && isLate(message.from, message.rpc, before))
      this.count('late answer to a round')
  }

  private append(
    { entries, term }: AppendEntries,
    after: RaftState,
    before: RaftState,
    outputs: readonly Output[],
  ): void {
    const isWritten = outputs.some((output) => output.type === 'save' && output.entries.length > 0)
    if (entries.length > 0 && term === after.server.currentTerm && !isWritten && after.log === before.log) {
      const last = entries.at(-1)
      if (last?.term === termAt(after.log, last?.index ?? INDEX_ZERO)) this.count('entries resent')
    }
  }

  private output(witness: Witness, before: RaftState, output: Output): void {
    switch (output.type) {
      case 'save':
        return this.save(witness, before, output)
      case 'send':
        if (output.rpc.type === 'AppendEntriesResponse' && !output.rpc.success) this.count('append refused')
        if (output.rpc.type === 'InstallSnapshot') this.object(output.to, output.rpc.transferId, output.rpc.objectId)
        return
      case 'saveObject':
        if (witness.isResuming && output.objectId !== FIRST_OBJECT) this.count('transfer resumed')
        witness.isResuming = false
        return
      case 'transferEnded':
        this.objects.delete(`${output.to} ${output.transferId}`)
        if (output.outcome === 'abandoned') this.count('transfer abandoned')
        return
      case 'readReady':
        return this.count('read served')
      case 'takeSnapshot':
        return this.count('snapshot taken')
      case 'apply':
      case 'readObject':
      case 'installSnapshot':
      case 'accepted':
      case 'refused':
      case 'note':
        return
    }
  }

  private save({ id }: Witness, before: RaftState, save: Save): void {
    const { truncateFrom, snapshot, compactTo, then } = save
    if (truncateFrom !== null && truncateFrom <= before.log.lastIndex && snapshot === null) {
      this.count('suffix overwritten')
      if (before.server.truncation !== null) this.count('two truncations under way')
    }
    if (then.some(({ rpc }) => rpc.type === 'AppendEntriesResponse' && !rpc.success)) this.count('append refused')
    if (compactTo !== null) this.count('log compacted')
    if (snapshot === null) return
    this.count('snapshot installed')
    if (before.log.lastIndex > before.log.baseIndex) this.count('log dropped at install')
    for (const other of this.witnesses.values()) {
      const { type } = other.state.server.role
      if (other.id !== id && other.isUp && (type === 'candidate' || type === 'preCandidate'))
        return this.count('snapshot during an election')
    }
  }

  private object(to: NodeId, transferId: number, objectId: unknown): void {
    const key = `${to} ${transferId}`
    const sent = this.objects.get(key) ?? new Set()
    this.objects.set(key, sent)
    if (sent.has(objectId)) this.count('object resent')
    sent.add(objectId)
  }
}

/** Whether a follower has answered a later round of this leader before. */
const isLate = (from: NodeId, { term, round }: AppendEntriesResponse, { server }: RaftState): boolean =>
  server.role.type === 'leader' &&
  term === server.currentTerm &&
  server.role.progress.some(({ id, ackedRound }) => id === from && round < ackedRound)
