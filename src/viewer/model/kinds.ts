import type { Message } from '../../core/message.ts'
import type { Output } from '../../core/output.ts'
import type { RaftState } from '../../core/state.ts'
import type { TraceEvent } from '../../trace/format.ts'

/** What an event is about, as bits: what can be filtered by a word, and jumped to. */
export const KINDS = [
  'election',
  'campaign',
  'commit',
  'snapshot',
  'sent',
  'installed',
  'truncation',
  'configuration',
  'fault',
  'violation',
  'ignored',
  'rejected',
  'client',
  'lost',
  'tick',
] as const
export type Kind = (typeof KINDS)[number]

/** What people read for each kind. */
export const KIND_TITLES: Readonly<Record<Kind, string>> = {
  election: 'a leader is elected',
  campaign: 'a server asks for votes',
  commit: 'commitIndex rises',
  snapshot: 'a snapshot is taken',
  sent: 'a snapshot object is sent',
  installed: 'a received snapshot is put in force',
  truncation: 'entries are overwritten',
  configuration: 'the configuration changes',
  fault: 'a crash, restart, partition or disk fault',
  violation: 'a claim does not hold',
  ignored: 'a message is ignored',
  rejected: 'an append or a vote is refused',
  client: 'a client asks or is answered',
  lost: 'the network loses, delays or doubles a message',
  tick: 'a tick',
}

export const bitOf = (kind: Kind): number => 1 << KINDS.indexOf(kind)

export const kindsIn = (bits: number): readonly Kind[] => KINDS.filter((kind) => (bits & bitOf(kind)) !== 0)

const FAULT = bitOf('fault')
const VIOLATION = bitOf('violation')
const CLIENT = bitOf('client')
const LOST = bitOf('lost')
const TICK = bitOf('tick')

/** Of an event that is no step. */
export const bitsOfEvent = (event: Exclude<TraceEvent, { t: 'in' }>): number => {
  switch (event.t) {
    case 'fault':
      return FAULT
    case 'viol':
      return VIOLATION
    case 'op':
      return CLIENT
    case 'net':
      return LOST
  }
}

const ELECTION = bitOf('election')
const CAMPAIGN = bitOf('campaign')
const COMMIT = bitOf('commit')
const TRUNCATION = bitOf('truncation')
const CONFIGURATION = bitOf('configuration')

export const bitsOfStep = (
  before: RaftState,
  message: Message,
  after: RaftState,
  outputs: readonly Output[],
): number => {
  const was = before.server
  const now = after.server
  let bits = message.type === 'tick' ? TICK : message.type === 'propose' || message.type === 'read' ? CLIENT : 0
  if (was.role.type !== now.role.type) {
    if (now.role.type === 'leader') bits |= ELECTION
    if (now.role.type === 'candidate' || now.role.type === 'preCandidate') bits |= CAMPAIGN
  }
  if (now.commitIndex > was.commitIndex) bits |= COMMIT
  if (
    was.configurations !== now.configurations &&
    was.configurations.at(-1)?.index !== now.configurations.at(-1)?.index
  )
    bits |= CONFIGURATION
  if (message.type === 'snapshotTaken') bits |= bitOf('snapshot')
  if (message.type === 'snapshotInstalled') bits |= bitOf('installed')
  for (const output of outputs) bits |= bitsOfOutput(output)
  return bits
}

const bitsOfOutput = (output: Output): number => {
  if (output.type === 'send') return bitsOfRpc(output.rpc)
  if (output.type === 'note') return output.event === 'ignored' ? bitOf('ignored') : 0
  if (output.type !== 'save') return 0
  let bits = output.truncateFrom === null ? 0 : TRUNCATION
  for (const { rpc } of output.then) bits |= bitsOfRpc(rpc)
  return bits
}

const bitsOfRpc = (rpc: Extract<Output, { type: 'send' }>['rpc']): number => {
  switch (rpc.type) {
    case 'InstallSnapshot':
      return bitOf('sent')
    case 'AppendEntriesResponse':
      return rpc.success ? 0 : bitOf('rejected')
    case 'RequestVoteResponse':
    case 'RequestPreVoteResponse':
      return rpc.voteGranted ? 0 : bitOf('rejected')
    case 'AppendEntries':
    case 'RequestVote':
    case 'RequestPreVote':
    case 'InstallSnapshotResponse':
      return 0
  }
}
