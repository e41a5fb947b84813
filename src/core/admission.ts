import { UsageError } from './assert.ts'
import { isCounter, type NodeId } from './ids.ts'
import type { Message } from './message.ts'
import type { InstallSnapshotResponse } from './rpc.ts'

/*
 * What may enter a step. A peer's RPC is judged here by itself, before anything else looks at it: every field that the
 * reducer reckons with has its type and range, so that no RPC can throw or leave a NaN in the state. What only the
 * state can tell (a match beyond the log, a round that never began) is judged by the handlers. What a state machine
 * can tell, a command's contents, is not judged at all. A codec may check the same fields earlier to name the fault.
 * A message of the caller that is wrong is the caller's mistake.
 */

type Fields = Readonly<Record<string, unknown>>

/** Arrays pass: they lack every field that is asked for. */
export const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/**
 * Whether a value is an RPC that a correct server of this name could have sent. The hot path: no closures, no copies,
 * and each kind of RPC is read in a function of its own, which V8 compiles for one shape.
 */
export const isWellFormed = (rpc: unknown, from: NodeId): boolean => {
  if (!isRecord(rpc)) return false
  switch (rpc['type']) {
    case 'AppendEntries':
      return isAppendEntries(rpc, from)
    case 'AppendEntriesResponse':
      return isAppendEntriesResponse(rpc)
    case 'RequestVote':
    case 'RequestPreVote':
      return isCandidacy(rpc, from)
    case 'RequestVoteResponse':
    case 'RequestPreVoteResponse':
      return isCounter(rpc['term']) && typeof rpc['voteGranted'] === 'boolean' && isCounterOrAbsent(rpc['question'])
    case 'InstallSnapshot':
      return isInstallSnapshot(rpc, from)
    case 'InstallSnapshotResponse':
      return isInstallSnapshotResponse(rpc)
    default:
      return false
  }
}

const isCandidacy = (rpc: Fields, from: NodeId): boolean =>
  isCounter(rpc['term']) &&
  rpc['candidateId'] === from &&
  isCounter(rpc['lastLogIndex']) &&
  isCounter(rpc['lastLogTerm']) &&
  isCounterOrAbsent(rpc['question'])

const isAppendEntries = (rpc: Fields, from: NodeId): boolean => {
  const { term, leaderId, prevLogIndex, prevLogTerm, leaderCommit, round, entries } = rpc
  if (!isCounter(term) || leaderId !== from || !isCounter(prevLogIndex) || !isCounter(prevLogTerm)) return false
  if (!isCounter(leaderCommit) || !isCounter(round) || !Array.isArray(entries)) return false
  return entries.length === 0 || follows(entries, prevLogIndex, prevLogTerm, term)
}

/** Entries follow each other without holes, their terms never fall, and none is of a term to come. */
const follows = (entries: readonly unknown[], after: number, atLeast: number, atMost: number): boolean => {
  let index = after
  let term = atLeast
  for (const entry of entries) {
    index++
    if (!isRecord(entry) || entry['index'] !== index || !isCounter(entry['bytes'])) return false
    const entryTerm = entry['term']
    // Most entries of a message are of one term, and commands: a comparison each.
    if (entryTerm !== term) {
      if (!isCounter(entryTerm) || entryTerm < term || entryTerm > atMost) return false
      term = entryTerm
    }
    if (entry['type'] === 'command' ? entry['command'] === undefined : !isOtherEntry(entry)) return false
  }
  return isCounter(index) && term <= atMost
}

const isOtherEntry = (entry: Fields): boolean => {
  switch (entry['type']) {
    case 'configuration':
      return isConfiguration(entry['configuration'])
    case 'noop':
      return true
    default:
      return false
  }
}

const isAppendEntriesResponse = (rpc: Fields): boolean => {
  if (!isCounter(rpc['term']) || !isCounter(rpc['round']) || !isCounterOrAbsent(rpc['silenceTicks'])) return false
  if (rpc['success'] === true) return isCounter(rpc['matchIndex'])
  return (
    rpc['success'] === false &&
    isCounter(rpc['rejectedIndex']) &&
    isCounter(rpc['conflictIndex']) &&
    isCounter(rpc['conflictTerm'])
  )
}

const isInstallSnapshot = (rpc: Fields, from: NodeId): boolean =>
  isCounter(rpc['term']) &&
  rpc['leaderId'] === from &&
  isCounter(rpc['transferId']) &&
  isSnapshotMeta(rpc['snapshot'], rpc['term']) &&
  typeof rpc['startsOver'] === 'boolean' &&
  isCounter(rpc['position']) &&
  isId(rpc['objectId']) &&
  typeof rpc['data'] === 'string' &&
  isCounter(rpc['checksum']) &&
  isCounter(rpc['digest']) &&
  typeof rpc['isLast'] === 'boolean'

const isSnapshotMeta = (meta: unknown, term: number): boolean =>
  isRecord(meta) &&
  isCounter(meta['lastIncludedIndex']) &&
  isCounter(meta['lastIncludedTerm']) &&
  meta['lastIncludedTerm'] <= term &&
  isCounter(meta['configurationIndex']) &&
  meta['configurationIndex'] <= meta['lastIncludedIndex'] &&
  isConfiguration(meta['configuration'])

const STATUSES: ReadonlySet<unknown> = new Set<InstallSnapshotResponse['status']>([
  'wanted',
  'saving',
  'installing',
  'installed',
])

const isInstallSnapshotResponse = (rpc: Fields): boolean =>
  isCounter(rpc['term']) &&
  isCounter(rpc['transferId']) &&
  STATUSES.has(rpc['status']) &&
  isId(rpc['nextObjectId']) &&
  isCounter(rpc['digest']) &&
  isCounter(rpc['installedIndex'])

/** As `configurationOf` makes it: quorums rely on sorted lists without duplicates. */
const isConfiguration = (value: unknown): boolean => {
  if (!isRecord(value)) return false
  const { voters, votersOutgoing, learners } = value
  if (!isNameList(voters) || !isNameList(votersOutgoing) || !isNameList(learners)) return false
  if (voters.length === 0 && votersOutgoing.length > 0) return false
  return !learners.some((id) => voters.includes(id) || votersOutgoing.includes(id))
}

const isNameList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((name, at) => isName(name) && (at === 0 || value[at - 1] < name))

export const isName = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isCounterOrAbsent = (value: unknown): boolean => value === undefined || isCounter(value)

/** Names of objects, proposals and reads. A number has to survive JSON. */
export const isId = (value: unknown): boolean => typeof value === 'string' || Number.isFinite(value)

export const isReadMode = (value: unknown): boolean => value === 'quorum' || value === 'lease'

type Rule = readonly [name: string, claim: string, holds: (value: unknown) => boolean]

const counter = (name: string): Rule => [name, 'a whole number, 0 or more', isCounter]
const id = (name: string): Rule => [name, 'a string or a finite number', isId]
const text = (name: string): Rule => [name, 'a string', (value) => typeof value === 'string']
const server = (name: string): Rule => [name, 'the name of a server', isName]
const commands: Rule = ['commands', 'an array', Array.isArray]
const mode: Rule = ['mode', "'quorum' or 'lease'", isReadMode]
const next: Rule = ['nextObjectId', 'the name of an object, or null', (value) => value === null || isId(value)]

/** What a message has to hold, but for what its handler checks against the state. */
const RULES: Readonly<Record<Message['type'], readonly Rule[]>> = {
  tick: [],
  receive: [server('from')],
  propose: [id('id'), commands],
  saved: [counter('sequence'), counter('lastIndex')],
  applied: [counter('index')],
  snapshotTaken: [counter('index')],
  snapshotFailed: [counter('index'), text('reason')],
  objectRead: [server('to'), counter('transferId'), id('objectId'), text('data'), next],
  objectReadFailed: [server('to'), counter('transferId'), text('reason')],
  objectSaved: [counter('transferId'), id('objectId'), next],
  objectRejected: [counter('transferId'), text('reason')],
  snapshotInstalled: [counter('transferId')],
  read: [id('id'), mode],
  campaign: [],
}
const rulesOf: ReadonlyMap<unknown, readonly Rule[]> = new Map(Object.entries(RULES))

/**
 * Checks a message but for what its handler checks.
 * @throws UsageError naming the field that is wrong, or the type that no message has.
 */
export const checkMessage = (message: unknown): void => {
  const fields = isRecord(message) ? message : {}
  const rules = rulesOf.get(fields['type'])
  if (rules === undefined) throw new UsageError('a message is of a known type', { type: fields['type'] })
  for (const [name, claim, holds] of rules)
    if (!holds(fields[name]))
      throw new UsageError(`${name} of a ${String(fields['type'])} message is ${claim}`, { [name]: fields[name] })
}
