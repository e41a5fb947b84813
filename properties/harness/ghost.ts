import { INDEX_ZERO, predecessor, successor, type Index, type NodeId, type Term } from '../../src/core/ids.ts'
import { entryAt, termAt } from '../../src/core/log/log.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output, Save } from '../../src/core/output.ts'
import type { Rpc, SnapshotMeta } from '../../src/core/rpc.ts'
import type { RaftState } from '../../src/core/state.ts'
import type { Staged } from './disk.ts'
import { textOf, type Memory } from './machine.ts'
import type { Member, MachineWatcher } from './member.ts'
import { noCoverage, type Committed, type Coverage } from './coverage.ts'
import { areOrdered, grantsToOlderLog, knowsItsDisk, whatFell } from './monotone.ts'
import { PropertyViolation, type CheckName } from './violation.ts'

type Context = Readonly<Record<string, unknown>>

/**
 * What a god would remember of a cluster: who ever led, who voted for whom, what was ever committed, over all lives
 * of all servers. It compares every step with that memory. Only the checks it was asked for are made.
 */
export class Ghost implements MachineWatcher {
  readonly coverage: Coverage
  private readonly checks: ReadonlySet<CheckName>
  private members: readonly Member[] = []
  private readonly leaders = new Map<Term, NodeId>()
  private readonly votes = new Map<string, NodeId>()
  private readonly entries = new Map<string, { readonly text: string; readonly previous: Term }>()
  private readonly committed: (Committed | undefined)[] = []
  private readonly texts: (string | undefined)[] = []
  private readonly termSent = new Map<NodeId, Term>()
  private readonly readFloors = new Map<number, Index>()
  private commitMax: Index = INDEX_ZERO

  constructor(checks: readonly CheckName[], coverage: Coverage = noCoverage()) {
    this.checks = new Set(checks)
    this.coverage = coverage
  }

  begin(members: readonly Member[]): void {
    this.members = members
  }

  /** What the state machines of a cluster have agreed on so far. */
  get history(): readonly Committed[] {
    return this.committed.filter((entry) => entry !== undefined)
  }

  private check(name: CheckName, holds: boolean, claim: string, context: () => Context): void {
    if (!holds && this.checks.has(name)) throw new PropertyViolation(name, claim, context())
  }

  /** After a step, before its outputs are carried out. */
  stepped(member: Member, before: RaftState, message: Message, outputs: readonly Output[]): void {
    const after = member.state
    const { server } = after
    const fallen = whatFell(before, after)
    const about = () => ({ id: member.id, fallen, input: message.type === 'receive' ? message.rpc : message })
    this.check('MON', fallen === null, 'nothing that rises falls within a life', about)
    this.check('MON', areOrdered(after), 'a server applies what is committed, and commits what it has', about)
    this.check('QD', knowsItsDisk(after, member.disk), 'what counts as durable is on the disk', about)
    this.check('VO', !grantsToOlderLog(before, message, outputs), 'no vote or pre-vote goes to a log behind', about)
    if (server.role !== before.server.role && server.role.type === 'leader') this.led(member, before)
    if (server.role.type === 'candidate' && before.server.currentTerm < server.currentTerm) this.coverage.elections++
    const save = outputs.find((output) => output.type === 'save')
    if (save !== undefined) this.wrote(member, before, save)
    if (server.commitIndex > before.server.commitIndex) this.commit(member, before)
    if (server.role.type === 'leader' && before.server.role.type === 'leader') this.matched(member, before)
  }

  private led({ id, state }: Member, before: RaftState): void {
    const { currentTerm } = state.server
    const known = this.leaders.get(currentTerm)
    this.check('ES', known === undefined || known === id, 'a term has at most one leader', () => ({
      currentTerm,
      known,
      id,
    }))
    this.leaders.set(currentTerm, id)
    if (before.server.role.type === 'leader') return
    this.coverage.leaders++
    for (const [offset, entry] of this.committed.entries())
      if (entry !== undefined && entry.by < currentTerm) this.hasCommitted(id, state, offset as Index, entry)
  }

  private hasCommitted(id: NodeId, { log, server }: RaftState, index: Index, entry: Committed): void {
    const has = index <= server.snapshot.lastIncludedIndex || termAt(log, index) === entry.term
    this.check('LC', has, 'a leader of a later term has every committed entry', () => ({ id, index, entry }))
  }

  private wrote({ id, state }: Member, before: RaftState, save: Save): void {
    const { truncateFrom, snapshot, compactTo } = save
    const leads = before.server.role.type === 'leader' && before.server.currentTerm === state.server.currentTerm
    this.check('LAO', !leads || truncateFrom === null, 'a leader only appends to its log', () => ({ id, truncateFrom }))
    if (truncateFrom !== null) this.truncated(id, before, truncateFrom, snapshot)
    if (compactTo !== null) this.coverage.compactions++
    if (snapshot !== null) this.coverage.snapshots++
    for (const entry of save.entries) {
      const previous = entryAt(state.log, predecessor(entry.index))?.term ?? state.log.baseTerm
      const key = `${entry.index}:${entry.term}`
      const known = this.entries.get(key)
      const text = textOf(entry)
      const isSame = known === undefined || (known.text === text && known.previous === previous)
      this.check('LM', isSame, 'entries of equal index and term are equal, and so is what precedes them', () => ({
        id,
        entry,
        previous,
        known,
      }))
      this.entries.set(key, { text, previous })
    }
  }

  private truncated(id: NodeId, { log }: RaftState, from: Index, snapshot: SnapshotMeta | null): void {
    this.coverage.truncations++
    const kept = snapshot?.lastIncludedIndex ?? INDEX_ZERO
    for (let at = Math.max(from, kept + 1) as Index; at <= log.lastIndex; at = successor(at)) {
      const isLost = this.committed[at]?.term === termAt(log, at)
      this.check('CNT', !isLost, 'what is committed is never truncated', () => ({ id, from, at }))
    }
  }

  private commit(member: Member, before: RaftState): void {
    const { server, log } = member.state
    const isLeader = server.role.type === 'leader'
    if (isLeader) this.coverage.commits++
    this.check('SMS', server.commitIndex <= log.lastIndex, 'what is committed is in the log', () => ({
      id: member.id,
      commitIndex: server.commitIndex,
      lastIndex: log.lastIndex,
    }))
    for (let at = successor(before.server.commitIndex); at <= server.commitIndex; at = successor(at)) {
      const entry = entryAt(log, at)
      if (entry === null) continue
      const text = textOf(entry)
      const known = this.committed[at]
      this.check('SMS', known === undefined || known.text === text, 'an index is committed once, as one entry', () => ({
        id: member.id,
        at,
        known,
        text,
      }))
      if (known === undefined) {
        this.committed[at] = { term: entry.term, text, by: server.currentTerm }
        this.laterLeadersHave(at, server.currentTerm)
      }
    }
    if (isLeader) this.quorumHolds(member)
    if (server.commitIndex > this.commitMax) this.commitMax = server.commitIndex
  }

  private laterLeadersHave(index: Index, by: Term): void {
    const entry = this.committed[index]
    for (const { id, state } of this.members)
      if (entry !== undefined && state.server.role.type === 'leader' && state.server.currentTerm > by)
        this.hasCommitted(id, state, index, entry)
  }

  /** What a leader calls committed would survive the crash of all servers at once. */
  private quorumHolds({ id, state }: Member): void {
    const { commitIndex } = state.server
    const term = termAt(state.log, commitIndex)
    const holders = this.members.filter(({ disk }) => term !== null && disk.holds(commitIndex, term))
    this.check('QD', holders.length * 2 > this.members.length, 'what is committed is durable on a quorum', () => ({
      id,
      commitIndex,
      holders: holders.map((holder) => holder.id),
    }))
  }

  private matched({ id, state }: Member, before: RaftState): void {
    if (state.server.role.type !== 'leader' || before.server.role.type !== 'leader') return
    if (state.server.currentTerm !== before.server.currentTerm) return
    for (const progress of state.server.role.progress) {
      const old = before.server.role.progress.find((each) => each.id === progress.id)
      if (old === undefined || progress.matchIndex === old.matchIndex) continue
      this.check('MT', progress.matchIndex > old.matchIndex, 'matchIndex never falls within a term', () => ({
        id,
        progress,
      }))
      const { matchIndex } = progress
      const term = termAt(state.log, matchIndex)
      const follower = this.members.find((member) => member.id === progress.id)
      const holds = term === null || follower?.disk.holds(matchIndex, term) === true
      this.check('MT', holds, 'a follower holds on its disk what the leader thinks it matches', () => ({
        id,
        progress,
        term,
      }))
    }
  }

  /** When an rpc leaves: what it promises must be on the disk by now. */
  released(from: Member, to: NodeId, rpc: Rpc): void {
    const { disk, id, state } = from
    const { hardState } = disk
    const about = () => ({ id, to, rpc, hardState })
    const entries = rpc.type === 'AppendEntries' ? rpc.entries.length : 0
    this.check('COST', entries <= state.options.messageEntriesMax, 'a message holds only so many entries', about)
    if (rpc.type === 'RequestPreVote' || (rpc.type === 'RequestPreVoteResponse' && rpc.voteGranted)) return
    this.check('PBS', hardState.currentTerm >= rpc.term, 'a term is durable before anybody hears of it', about)
    if (rpc.term > (this.termSent.get(id) ?? 0)) this.termSent.set(id, rpc.term)
    if (rpc.type === 'RequestVote') this.voted(from, rpc.term, id)
    if (rpc.type === 'RequestVoteResponse' && rpc.voteGranted) {
      this.coverage.grants++
      this.voted(from, rpc.term, to)
    }
    if (rpc.type === 'AppendEntriesResponse' && rpc.success)
      this.vouched(from, rpc.matchIndex, rpc.term, 'entries are durable before they are acknowledged')
    if (rpc.type === 'InstallSnapshotResponse')
      this.vouched(from, rpc.installedIndex, rpc.term, 'a snapshot is durable before it is acknowledged')
  }

  private voted({ id, disk }: Member, term: Term, to: NodeId): void {
    const key = `${id} ${term}`
    const known = this.votes.get(key)
    this.check('VO', known === undefined || known === to, 'a server votes once a term', () => ({ id, term, known, to }))
    this.votes.set(key, to)
    const { currentTerm, votedFor } = disk.hardState
    this.check(
      'PBS',
      currentTerm > term || (currentTerm === term && votedFor === to),
      'a vote is durable before it is cast',
      () => ({ id, to, term, currentTerm, votedFor }),
    )
  }

  private vouched({ id, disk, state }: Member, index: Index, term: Term, claim: string): void {
    // Later saves may have moved on already; only what the log of this moment still says can be compared.
    const isCurrent = state.server.currentTerm === term
    const expected = isCurrent ? termAt(state.log, index) : null
    const holds = expected === null ? !isCurrent || index <= disk.lastIndex : disk.holds(index, expected)
    this.check('PBS', holds, claim, () => ({ id, index, term, expected, lastIndex: disk.lastIndex }))
  }

  applied({ id, memory }: Member, index: Index, text: string): void {
    const known = this.texts[index]
    const about = () => ({ id, index, at: memory.length, known, text })
    this.check('AIO', index === memory.length + 1, 'entries are applied in order, each once', about)
    this.check('SMS', known === undefined || known === text, 'no two machines apply different entries', about)
    this.texts[index] = text
  }

  installed({ id, memory: old }: Member, { snapshot }: Staged, memory: Memory): void {
    this.coverage.installs++
    const { lastIncludedIndex, lastIncludedTerm } = snapshot
    const expected = this.replayed(lastIncludedIndex)
    const committed = this.committed[lastIncludedIndex]
    const about = () => ({ id, snapshot, committed, at: old.length, expected, memory })
    this.check('AIO', lastIncludedIndex > old.length, 'a machine never goes back', about)
    const isReplay = JSON.stringify(expected) === JSON.stringify(memory)
    this.check('SF', isReplay, 'a snapshot is what replaying the committed entries gives', about)
    const hasTerm = committed?.term === lastIncludedTerm
    this.check('SF', hasTerm, 'the term of a snapshot is that of its last entry', about)
  }

  private replayed(upTo: Index): readonly (string | undefined)[] {
    return this.committed.slice(1, upTo + 1).map((entry) => entry?.text)
  }

  /** What cannot be started from is not what a disk may come to hold, whenever the power fails. */
  unusable({ id, disk }: Member, error: unknown): never {
    const context = { id, base: disk.base, snapshot: disk.snapshot.lastIncludedIndex, error: String(error) }
    throw new PropertyViolation('PBS', 'whatever a crash leaves on a disk, a server starts from it', context)
  }

  restarted({ id, state, disk, memory }: Member): void {
    const expected = this.replayed(disk.snapshot.lastIncludedIndex)
    const isReplay = JSON.stringify(expected) === JSON.stringify(memory)
    const about = () => ({ id, expected, memory })
    this.check('SF', isReplay, 'after a crash a machine is what replaying what is committed gives', about)
    this.coverage.restarts++
    if (disk.staged !== null && state.server.receiving !== null) this.coverage.resumes++
    const { currentTerm } = state.server
    const sent = this.termSent.get(id) ?? 0
    this.check('MON', currentTerm >= sent, 'a server remembers every term it ever spoke of', () => ({
      id,
      currentTerm,
      sent,
    }))
  }

  readAsked(id: number): void {
    this.readFloors.set(id, this.commitMax)
  }

  readReady({ id: server }: Member, { id, index }: Extract<Output, { type: 'readReady' }>): void {
    this.coverage.reads++
    const floor = this.readFloors.get(Number(id)) ?? INDEX_ZERO
    this.check('READ', index >= floor, 'a read sees everything that was committed before it was asked', () => ({
      server,
      id,
      index,
      floor,
    }))
  }
}
