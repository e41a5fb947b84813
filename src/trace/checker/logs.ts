import type { Configuration } from '../../core/membership/configuration.ts'
import type { Entry } from '../../core/entry.ts'
import { INDEX_ZERO, maxIndex, predecessor, successor, type Index, type NodeId, type Term } from '../../core/ids.ts'
import { entryAt, termAt } from '../../core/log/log.ts'
import type { Save } from '../../core/output.ts'
import type { SnapshotMeta } from '../../core/rpc.ts'
import type { RaftState, Role } from '../../core/state.ts'
import { isQuorum } from './quorum.ts'
import type { Judge } from './violation.ts'
import { inForce, type Witness, type Witnesses } from './witness.ts'

/** An entry that some server has called committed. */
export interface Committed {
  readonly term: Term
  /** Null: a snapshot stands for it, and no server that was watched has called it committed. */
  readonly entry: Entry | null
  /** The term in which it was, or a later one; leaders of later terms have it. */
  readonly by: Term
}

interface Known {
  readonly entry: Entry
  /** The term of the entry before it. */
  readonly previous: Term
}

/** What was ever written, committed and compacted, over all logs: LAO, LM, LC, SMS, CNT, QD, MT, SF, CFG. */
export class Logs {
  private readonly judge: Judge
  private readonly witnesses: Witnesses
  /** By index: each entry that was ever in a log, of each term. */
  private readonly written: (Known[] | undefined)[] = []
  private readonly committed: (Committed | undefined)[] = []
  private readonly configurations: { readonly index: Index; readonly configuration: Configuration }[] = []
  /** The highest index that was ever committed. */
  commitMax: Index = INDEX_ZERO

  constructor(judge: Judge, witnesses: Witnesses) {
    this.judge = judge
    this.witnesses = witnesses
  }

  committedAt(index: Index): Entry | null {
    return this.committed[index]?.entry ?? null
  }

  /** What a server begins with is as good as written. */
  started({ state }: Witness): void {
    const { log, server } = state
    this.configure(server.snapshot)
    for (let at = successor(log.baseIndex); at <= log.lastIndex; at = successor(at)) {
      const entry = entryAt(log, at)
      if (entry === null) continue
      this.write(state, entry)
      if (at <= server.commitIndex) this.commit(state, entry)
    }
    this.commitMax = maxIndex(this.commitMax, server.commitIndex)
    this.labelled(state, server.snapshot)
  }

  /** The configuration of a snapshot that a server begins with, where nobody saw the entry that brought it. */
  private configure({ configurationIndex: index, configuration }: SnapshotMeta): void {
    if (configuration.voters.length === 0) return
    const before = this.configurations.findLastIndex((known) => known.index <= index)
    if (this.configurations[before]?.index !== index)
      this.configurations.splice(before + 1, 0, { index, configuration })
  }

  /** A new leader has everything that was committed in earlier terms (5.4.3). */
  led({ id, state }: Witness): void {
    const { log, server } = state
    for (let at = successor(log.baseIndex); at <= this.commitMax; at = successor(at)) {
      const known = this.committed[at]
      if (known !== undefined && known.by < server.currentTerm) this.has(id, state, at, known)
    }
  }

  wrote({ id, state }: Witness, before: RaftState, save: Save): void {
    const { truncateFrom, snapshot } = save
    const leads = before.server.role.type === 'leader' && before.server.currentTerm === state.server.currentTerm
    if (leads && truncateFrom !== null)
      this.judge.refute('LAO', 'a leader only appends to its log', { id, truncateFrom })
    if (truncateFrom !== null) this.truncated(id, before, truncateFrom, snapshot)
    for (const entry of save.entries) this.write(state, entry)
    if (snapshot !== null) this.labelled(state, snapshot)
  }

  private write({ log, server }: RaftState, entry: Entry): void {
    const previous = termAt(log, predecessor(entry.index)) ?? log.baseTerm
    if (entry.term < previous || entry.term > server.currentTerm)
      this.judge.refute('STR', 'terms never fall along a log, nor pass the current one', { entry, previous })
    const all = this.written[entry.index]
    const known = all?.find((other) => other.entry.term === entry.term)
    if (known === undefined) {
      if (all === undefined) this.written[entry.index] = [{ entry, previous }]
      else all.push({ entry, previous })
    } else if (known.previous !== previous || !areEqual(known.entry, entry))
      this.judge.refute('LM', 'entries of equal index and term are equal, and so is what precedes them', {
        id: server.id,
        entry,
        previous,
        known,
      })
  }

  private truncated(id: string, { log }: RaftState, from: Index, snapshot: SnapshotMeta | null): void {
    const kept = snapshot?.lastIncludedIndex ?? INDEX_ZERO
    for (let at = maxIndex(from, successor(kept)); at <= log.lastIndex; at = successor(at))
      if (this.committed[at]?.term === termAt(log, at))
        this.judge.refute('CNT', 'what is committed is never truncated', { id, from, at })
  }

  /** A server's commitIndex has risen. */
  advanced({ id, state }: Witness, before: RaftState): void {
    const { server, log } = state
    if (server.commitIndex > log.lastIndex)
      this.judge.refute('SMS', 'what is committed is in the log', { id, lastIndex: log.lastIndex })
    for (let at = successor(before.server.commitIndex); at <= server.commitIndex; at = successor(at)) {
      const entry = entryAt(log, at)
      if (entry !== null) this.commit(state, entry)
    }
    if (server.role.type === 'leader') this.isDurable(state)
    this.commitMax = maxIndex(this.commitMax, server.commitIndex)
  }

  private commit({ server }: RaftState, entry: Entry): void {
    const known = this.committed[entry.index]
    const { term } = entry
    if (known === undefined) return this.add(entry.index, { term, entry, by: server.currentTerm })
    if (known.term === term && known.entry === null) this.committed[entry.index] = { term, entry, by: known.by }
    else if (!isIt(known, entry))
      this.judge.refute('SMS', 'an index is committed once, as one entry', { id: server.id, entry, known })
  }

  private add(index: Index, committed: Committed): void {
    const { entry } = committed
    this.committed[index] = committed
    if (entry?.type === 'configuration') this.configurations.push(entry)
    for (const { id, state, isUp } of this.witnesses.values())
      if (isUp && state.server.role.type === 'leader' && state.server.currentTerm > committed.by)
        this.has(id, state, index, committed)
  }

  private has(id: string, { log, server }: RaftState, index: Index, known: Committed): void {
    if (index > server.snapshot.lastIncludedIndex && termAt(log, index) !== known.term)
      this.judge.refute('LC', 'a leader of a later term has every committed entry', { id, index, known })
  }

  /** What a leader calls committed would survive the crash of all servers at once. */
  private isDurable({ server, log }: RaftState): void {
    const { commitIndex, role } = server
    const term = termAt(log, commitIndex)
    const isDurable = isQuorum(inForce(server), (id) => {
      const known = this.witnesses.get(id)
      // Of a server that is not watched, only what it has acknowledged is known.
      if (known === undefined) return matchOf(role, id) >= commitIndex
      return term === null || known.durable.holds(commitIndex, term)
    })
    if (!isDurable)
      this.judge.refute('QD', 'what is committed is durable on a quorum', { id: server.id, commitIndex, term })
  }

  /** What a leader thinks of its followers, where that has changed within its term. */
  matched({ id, state }: Witness, before: RaftState): void {
    const { role } = state.server
    const old = before.server.role
    if (role.type !== 'leader' || old.type !== 'leader' || role.progress === old.progress) return
    if (state.server.currentTerm !== before.server.currentTerm) return
    for (const [at, progress] of role.progress.entries()) {
      const previous = old.progress[at]
      if (previous?.id !== progress.id || previous.matchIndex === progress.matchIndex) continue
      const { matchIndex, id: follower } = progress
      if (matchIndex < previous.matchIndex)
        this.judge.refute('MT', 'matchIndex never falls within a term', { id, follower, matchIndex })
      const term = termAt(state.log, matchIndex)
      const known = this.witnesses.get(follower)
      // In a later term it may have overwritten what it held; this leader has not heard of that yet.
      if (known === undefined || known.state.server.currentTerm > state.server.currentTerm) continue
      if (term !== null && !known.durable.holds(matchIndex, term))
        this.judge.refute('MT', 'a follower holds on its disk what the leader thinks it matches', {
          id,
          follower,
          matchIndex,
          term,
        })
    }
  }

  /** The entries handed to a state machine are the committed ones. */
  applied({ id }: Witness, entry: Entry): void {
    const known = this.committed[entry.index]
    if (known === undefined || !isIt(known, entry))
      this.judge.refute('SMS', 'a state machine is given what is committed', { id, entry, known })
  }

  /** A snapshot says of itself what is so (hashicorp/raft #617, d-engine #418). */
  labelled({ server }: RaftState, snapshot: SnapshotMeta): void {
    const { lastIncludedIndex, lastIncludedTerm, configuration, configurationIndex } = snapshot
    // A server that has not learned of any configuration yet.
    if (lastIncludedIndex === INDEX_ZERO && configuration.voters.length === 0) return
    const known = this.committed[lastIncludedIndex]
    if (known === undefined && lastIncludedIndex > 0)
      this.add(lastIncludedIndex, { term: lastIncludedTerm, entry: null, by: server.currentTerm })
    else if (known !== undefined && known.term !== lastIncludedTerm)
      this.judge.refute('SF', 'the term of a snapshot is that of its last entry', { id: server.id, snapshot })
    // Configurations are known once the entry is; a run that began in the middle knows no earlier ones.
    const expected = this.configurations.findLast(({ index }) => index <= lastIncludedIndex)
    if (expected === undefined || lastIncludedIndex > this.commitMax) return
    if (expected.index !== configurationIndex || !areEqual(expected.configuration, configuration))
      this.judge.refute('CFG', 'a snapshot holds the configuration in force at its index', {
        id: server.id,
        snapshot,
        expected,
      })
  }
}

const matchOf = (role: Role, id: NodeId): Index =>
  (role.type === 'leader' ? role.progress.find((progress) => progress.id === id)?.matchIndex : null) ?? INDEX_ZERO

const isIt = ({ term, entry: known }: Committed, entry: Entry): boolean =>
  known === null ? term === entry.term : areEqual(known, entry)

/** Entries are shared between servers of one process; those that went through a file are compared as texts. */
const areEqual = (one: object, other: object): boolean => one === other || JSON.stringify(one) === JSON.stringify(other)
