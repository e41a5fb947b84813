import type { Configuration } from '../core/membership/configuration.ts'
import type { Entry, JsonValue } from '../core/entry.ts'
import type { NodeId } from '../core/ids.ts'
import type {
  AppendEntries,
  AppendEntriesResponse,
  InstallSnapshot,
  InstallSnapshotResponse,
  RequestVote,
  RequestVoteResponse,
  Rpc,
  SnapshotMeta,
} from '../core/rpc.ts'
import {
  Malformed,
  booleanOf,
  counterOf,
  fieldsOf,
  indexOf,
  inside,
  listOf,
  nodeIdOf,
  objectIdOf,
  outward,
  stringOf,
  termOf,
  type Fields,
} from './fields.ts'

/** What a network carries for an RPC: an RPC is JSON as it is. */
export const encodeRpc = (rpc: Rpc): JsonValue => rpc as unknown as JsonValue

/**
 * Checks something that claims to be an RPC, field by field, and copies what is known of it: fields of a later version
 * are dropped. Commands pass as they are, for the state machine to judge, and so does what needs a log to be judged,
 * such as the order of entries. The error says which field is wrong and why. Never throws.
 */
export const decodeRpc = (value: unknown): { readonly rpc: Rpc } | { readonly error: string } => {
  try {
    return { rpc: rpcOf(fieldsOf(value)) }
  } catch (problem) {
    if (!(problem instanceof Malformed)) throw problem
    return { error: outward('rpc', problem).message }
  }
}

const rpcOf = (fields: Fields): Rpc => {
  const { type } = fields
  switch (type) {
    case 'AppendEntries':
      return appendEntriesOf(fields)
    case 'AppendEntriesResponse':
      return appendEntriesResponseOf(fields)
    case 'RequestVote':
      return { type, ...candidacyOf(fields) }
    case 'RequestPreVote':
      return { type, ...candidacyOf(fields), ...questionOf(fields) }
    case 'RequestVoteResponse':
      return { type, ...voteOf(fields) }
    case 'RequestPreVoteResponse':
      return { type, ...voteOf(fields), ...questionOf(fields) }
    case 'InstallSnapshot':
      return installSnapshotOf(fields)
    case 'InstallSnapshotResponse':
      return installSnapshotResponseOf(fields)
    default:
      throw new Malformed('type', 'is not the name of an RPC')
  }
}

const candidacyOf = (fields: Fields): Omit<RequestVote, 'type'> => ({
  term: termOf(fields['term'], 'term'),
  candidateId: nodeIdOf(fields['candidateId'], 'candidateId'),
  lastLogIndex: indexOf(fields['lastLogIndex'], 'lastLogIndex'),
  lastLogTerm: termOf(fields['lastLogTerm'], 'lastLogTerm'),
})

const voteOf = (fields: Fields): Omit<RequestVoteResponse, 'type'> => ({
  term: termOf(fields['term'], 'term'),
  voteGranted: booleanOf(fields['voteGranted'], 'voteGranted'),
})

/** What a peer may leave out. */
const silenceOf = ({ silenceTicks }: Fields): { readonly silenceTicks?: number } =>
  silenceTicks === undefined ? {} : { silenceTicks: counterOf(silenceTicks, 'silenceTicks') }

const questionOf = ({ question }: Fields): { readonly question?: number } =>
  question === undefined ? {} : { question: counterOf(question, 'question') }

const appendEntriesOf = (fields: Fields): AppendEntries => ({
  type: 'AppendEntries',
  term: termOf(fields['term'], 'term'),
  leaderId: nodeIdOf(fields['leaderId'], 'leaderId'),
  prevLogIndex: indexOf(fields['prevLogIndex'], 'prevLogIndex'),
  prevLogTerm: termOf(fields['prevLogTerm'], 'prevLogTerm'),
  entries: entriesOf(listOf(fields['entries'], 'entries')),
  leaderCommit: indexOf(fields['leaderCommit'], 'leaderCommit'),
  round: counterOf(fields['round'], 'round'),
})

/** The hot path: no closure and no text for an entry that is in order. */
const entriesOf = (values: readonly unknown[]): readonly Entry[] => {
  const entries: Entry[] = []
  try {
    for (const value of values) entries.push(entryOf(fieldsOf(value)))
  } catch (problem) {
    throw problem instanceof Malformed ? outward(`entries[${entries.length}]`, problem) : problem
  }
  return entries
}

const entryOf = (fields: Fields): Entry => {
  const { type } = fields
  const index = indexOf(fields['index'], 'index')
  const term = termOf(fields['term'], 'term')
  const bytes = counterOf(fields['bytes'], 'bytes')
  switch (type) {
    case 'command': {
      const command = fields['command']
      if (command === undefined) throw new Malformed('command', 'is missing')
      // Whatever came out of JSON is JSON.
      return { type, index, term, bytes, command: command as JsonValue }
    }
    case 'configuration':
      return { type, index, term, bytes, configuration: configurationFrom(fields['configuration']) }
    case 'noop':
      return { type, index, term, bytes }
    default:
      throw new Malformed('type', 'is not command, configuration or noop')
  }
}

const configurationFrom = (value: unknown): Configuration =>
  inside('configuration', () => {
    const fields = fieldsOf(value)
    const voters = namesOf(fields['voters'], 'voters')
    const votersOutgoing = namesOf(fields['votersOutgoing'], 'votersOutgoing')
    const learners = namesOf(fields['learners'], 'learners')
    if (voters.length === 0 && votersOutgoing.length > 0)
      throw new Malformed('voters', 'is empty beside votersOutgoing')
    if (learners.some((id) => voters.includes(id) || votersOutgoing.includes(id)))
      throw new Malformed('learners', 'names a voter')
    return { voters, votersOutgoing, learners }
  })

/** Sorted and without duplicates, as quorums rely on it. */
const namesOf = (value: unknown, path: string): readonly NodeId[] => {
  const names: NodeId[] = []
  for (const item of listOf(value, path)) {
    const name = nodeIdOf(item, `${path}[${names.length}]`)
    const before = names.at(-1)
    if (before !== undefined && before >= name) throw new Malformed(path, 'is not sorted, or names a server twice')
    names.push(name)
  }
  return names
}

const appendEntriesResponseOf = (fields: Fields): AppendEntriesResponse => {
  const type = 'AppendEntriesResponse'
  const term = termOf(fields['term'], 'term')
  const success = booleanOf(fields['success'], 'success')
  const round = counterOf(fields['round'], 'round')
  const silence = silenceOf(fields)
  if (success)
    return { type, term, success, matchIndex: indexOf(fields['matchIndex'], 'matchIndex'), round, ...silence }
  return {
    type,
    term,
    success,
    rejectedIndex: indexOf(fields['rejectedIndex'], 'rejectedIndex'),
    conflictIndex: indexOf(fields['conflictIndex'], 'conflictIndex'),
    conflictTerm: termOf(fields['conflictTerm'], 'conflictTerm'),
    round,
    ...silence,
  }
}

const installSnapshotOf = (fields: Fields): InstallSnapshot => ({
  type: 'InstallSnapshot',
  term: termOf(fields['term'], 'term'),
  leaderId: nodeIdOf(fields['leaderId'], 'leaderId'),
  transferId: counterOf(fields['transferId'], 'transferId'),
  snapshot: snapshotOf(fields['snapshot']),
  startsOver: booleanOf(fields['startsOver'], 'startsOver'),
  position: counterOf(fields['position'], 'position'),
  objectId: objectIdOf(fields['objectId'], 'objectId'),
  data: stringOf(fields['data'], 'data'),
  checksum: counterOf(fields['checksum'], 'checksum'),
  digest: counterOf(fields['digest'], 'digest'),
  isLast: booleanOf(fields['isLast'], 'isLast'),
})

const snapshotOf = (value: unknown): SnapshotMeta =>
  inside('snapshot', () => {
    const fields = fieldsOf(value)
    const lastIncludedIndex = indexOf(fields['lastIncludedIndex'], 'lastIncludedIndex')
    const configurationIndex = indexOf(fields['configurationIndex'], 'configurationIndex')
    if (configurationIndex > lastIncludedIndex) throw new Malformed('configurationIndex', 'is above lastIncludedIndex')
    return {
      lastIncludedIndex,
      lastIncludedTerm: termOf(fields['lastIncludedTerm'], 'lastIncludedTerm'),
      configuration: configurationFrom(fields['configuration']),
      configurationIndex,
    }
  })

const installSnapshotResponseOf = (fields: Fields): InstallSnapshotResponse => {
  const { status } = fields
  if (status !== 'wanted' && status !== 'saving' && status !== 'installing' && status !== 'installed')
    throw new Malformed('status', 'is not wanted, saving, installing or installed')
  return {
    type: 'InstallSnapshotResponse',
    term: termOf(fields['term'], 'term'),
    transferId: counterOf(fields['transferId'], 'transferId'),
    status,
    nextObjectId: objectIdOf(fields['nextObjectId'], 'nextObjectId'),
    digest: counterOf(fields['digest'], 'digest'),
    installedIndex: indexOf(fields['installedIndex'], 'installedIndex'),
  }
}
