import { UsageError } from './assert.ts'
import { optionsOf, type Options } from './config.ts'
import type { Configuration, ConfigurationAt } from './membership/configuration.ts'
import type { Entry } from './entry.ts'
import {
  FIRST_OBJECT,
  INDEX_ZERO,
  TERM_ZERO,
  isCounter,
  maxIndex,
  successor,
  type Index,
  type NodeId,
  type Term,
} from './ids.ts'
import { logOf, slice, termAt, emptyLog, type Log } from './log/log.ts'
import type { HardState, Save } from './output.ts'
import { drawInteger, seedFrom, type Seed } from './random.ts'
import type { SnapshotMeta } from './rpc.ts'
import type { RaftState, Receiving } from './state.ts'

/** What a server of a new cluster is made from. */
export interface Birth {
  readonly id: NodeId
  /** The cluster's first members, the same on each of them; empty for a server that will be told. */
  readonly configuration: Configuration
  readonly options?: Partial<Options>
  /** Any 32-bit number; servers may share it, as their names are mixed in. Default 0. */
  readonly seed?: Seed
}

/** What a disk gave back. */
export interface Remains {
  readonly id: NodeId
  readonly options?: Partial<Options>
  readonly seed?: Seed
  readonly hardState: HardState
  /** The latest durable snapshot. A server that never took one keeps its birth here, at index 0. */
  readonly snapshot: SnapshotMeta
  /** The entry before the first one held; at or below the snapshot. Default: the snapshot's last. */
  readonly base?: { readonly index: Index; readonly term: Term }
  readonly entries: readonly Entry[]
  /** How far a state machine with a disk of its own has come; default: the snapshot. */
  readonly lastApplied?: Index
  /**
   * The snapshot that such a machine last put in force. It is ahead of `snapshot` when a crash came between the two,
   * before the save that adopts it was durable: `restart` adopts it, and `adoptionOf` says what the disk is to do.
   */
  readonly installed?: SnapshotMeta
  /** Objects of an unfinished transfer that survived: the transfer resumes after them. */
  readonly received?: Pick<Receiving, 'snapshot' | 'nextObjectId' | 'digest'>
}

/** The snapshot that stands for a cluster's birth: nothing applied, its first configuration. */
export const birthSnapshot = (configuration: Configuration): SnapshotMeta => ({
  lastIncludedIndex: INDEX_ZERO,
  lastIncludedTerm: TERM_ZERO,
  configuration,
  configurationIndex: INDEX_ZERO,
})

/**
 * A server that never ran: follower in term 0 with an empty log.
 * @throws UsageError when an option is out of bounds.
 */
export const initial = (birth: Birth): RaftState =>
  restart({
    ...birth,
    hardState: { currentTerm: TERM_ZERO, votedFor: null },
    snapshot: birthSnapshot(birth.configuration),
    entries: [],
  })

/**
 * A server as its disk remembers it: a follower of nobody, with everything it ever promised (Figure 2, "Persistent
 * state"). Refuses remains with holes rather than run on them.
 * @throws UsageError when the pieces contradict each other.
 */
export const restart = (found: Remains): RaftState => {
  const options = optionsOf(found.options)
  const remains = adopted(found)
  const { snapshot, hardState } = remains
  const log = survivingLog(remains)
  if (!isCounter(hardState.currentTerm) || hardState.currentTerm < log.lastTerm)
    throw new UsageError('currentTerm is no lower than the last entry of the log', {
      currentTerm: hardState.currentTerm,
      lastTerm: log.lastTerm,
    })
  const lastApplied = maxIndex(snapshot.lastIncludedIndex, remains.lastApplied ?? INDEX_ZERO)
  if (lastApplied > log.lastIndex)
    throw new UsageError('the log reaches what was applied, or `installed` names the snapshot that does', {
      lastApplied,
      lastIndex: log.lastIndex,
    })
  const [electionDeadlineTicks, seed] = drawInteger(
    seedFrom(remains.id, remains.seed),
    options.electionTimeoutTicks,
    2 * options.electionTimeoutTicks,
  )
  return {
    options,
    log,
    server: {
      id: remains.id,
      currentTerm: hardState.currentTerm,
      votedFor: hardState.votedFor,
      leaderId: null,
      role: { type: 'follower' },
      commitIndex: lastApplied,
      applyingIndex: lastApplied,
      lastApplied,
      durableIndex: log.lastIndex,
      saveSequence: 0,
      savedSequence: 0,
      hardStateSequence: 0,
      truncation: null,
      configurations: configurationsIn(snapshot, log),
      snapshot,
      snapshotRequested: INDEX_ZERO,
      sinceSnapshot: { index: snapshot.lastIncludedIndex, upTo: snapshot.lastIncludedIndex, bytes: 0 },
      receiving: resumed(remains, lastApplied),
      electionElapsedTicks: 0,
      electionDeadlineTicks,
      stickyTicks: options.checkQuorum && hardState.currentTerm > 0 ? options.electionTimeoutTicks : 0,
      seed,
    },
  }
}

/**
 * What the log's disk is to do before the first save of the new life, where its machine has put a snapshot in force
 * that no save has adopted; null otherwise. It need not be durable before the server runs: until it is, a crash leaves
 * the same remains. Its sequence is 0, and it is not answered.
 */
export const adoptionOf = (remains: Remains): Save | null => {
  const found = adopted(remains)
  const { snapshot, base, hardState } = found
  if (snapshot === remains.snapshot) return null
  const log = survivingLog(found)
  const isDropped = log.baseIndex !== base.index
  return {
    type: 'save',
    sequence: 0,
    hardState: hardState === remains.hardState ? null : hardState,
    truncateFrom: isDropped ? successor(base.index) : null,
    entries: [],
    snapshot,
    compactTo: isDropped ? { index: log.baseIndex, term: log.baseTerm } : null,
    lastIndex: log.lastIndex,
    then: [],
  }
}

type Based = Remains & Required<Pick<Remains, 'base'>>

/**
 * With the snapshot of the machine, if that is ahead. Its objects may have reached the machine before the term of
 * their sender reached the log's disk: no vote of that term can have left by then, so none is forgotten.
 */
const adopted = (remains: Remains): Based => {
  const { snapshot, installed, hardState } = remains
  const base = remains.base ?? { index: snapshot.lastIncludedIndex, term: snapshot.lastIncludedTerm }
  if (installed === undefined || installed.lastIncludedIndex <= snapshot.lastIncludedIndex) return { ...remains, base }
  const currentTerm = installed.lastIncludedTerm
  const isTermLost = hardState.currentTerm < currentTerm
  return { ...remains, base, snapshot: installed, hardState: isTermLost ? { currentTerm, votedFor: null } : hardState }
}

const survivingLog = ({ snapshot, base, entries }: Based): Log => {
  if (base.index > snapshot.lastIncludedIndex)
    throw new UsageError('a snapshot covers everything before the first entry of the log', {
      snapshotIndex: snapshot.lastIncludedIndex,
      firstIndex: base.index + 1,
    })
  let previous: { readonly index: Index; readonly term: Term } = base
  for (const entry of entries) {
    if (entry.index !== previous.index + 1 || entry.term < previous.term)
      throw new UsageError('entries follow each other without holes, their terms never falling', {
        index: entry.index,
        term: entry.term,
        after: previous,
      })
    previous = entry
  }
  const log = logOf(base.index, base.term, entries)
  // A snapshot is committed: a log that ends before it, or disagrees with it, has nothing to add.
  return termAt(log, snapshot.lastIncludedIndex) === snapshot.lastIncludedTerm
    ? log
    : emptyLog(snapshot.lastIncludedIndex, snapshot.lastIncludedTerm)
}

const configurationsIn = (snapshot: SnapshotMeta, log: Log): readonly [ConfigurationAt, ...ConfigurationAt[]] => {
  const records: [ConfigurationAt, ...ConfigurationAt[]] = [
    { index: snapshot.configurationIndex, configuration: snapshot.configuration },
  ]
  // Only what is left of the log: a stale configuration would bring disjoint quorums (openraft #1808).
  for (const entry of slice(log, successor(snapshot.lastIncludedIndex), log.lastIndex))
    if (entry.type === 'configuration') records.push({ index: entry.index, configuration: entry.configuration })
  return records
}

const resumed = ({ received, hardState, id }: Remains, lastApplied: Index): Receiving | null => {
  if (received === undefined || received.snapshot.lastIncludedIndex <= lastApplied) return null
  // All objects had come, and the crash came before they were in force: what follows the last one has no name. Offered
  // object 0 again, whoever went on would chain it to the digest of the whole, and refuse it for ever.
  if (received.nextObjectId === FIRST_OBJECT) return null
  // Its objects reached the disk before the term of their sender did: the transfer starts afresh.
  if (received.snapshot.lastIncludedTerm > hardState.currentTerm) return null
  // Nobody's transfer yet: the first offer of the same snapshot takes it up, any other replaces it.
  return {
    ...received,
    leaderId: id,
    term: TERM_ZERO,
    transferId: 0,
    phase: 'transfer',
    position: 0,
    saving: null,
    queued: [],
  }
}
