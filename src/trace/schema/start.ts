import { DEFAULT_OPTIONS, type Options } from '../../core/config.ts'
import type { ConfigurationAt } from '../../core/membership/configuration.ts'
import type { InflightMessage, InflightObject, Probe, Replicate, Transfer } from '../../core/progress.ts'
import type { Queue } from '../../core/queue.ts'
import type { Birth, Remains } from '../../core/start.ts'
import type {
  Candidate,
  FailedTransfer,
  Follower,
  Leader,
  PendingRead,
  PreCandidate,
  Receiving,
  Server,
} from '../../core/state.ts'
import type { Start } from '../format.ts'
import { configuration, entry, hardState, position, snapshotMeta } from '../../codec/values.ts'
import { queuedObject } from './message.ts'
import {
  counter,
  fields,
  finite,
  flag,
  integer,
  json,
  list,
  name,
  nullable,
  oneOf,
  optional,
  textOrNumber,
  variants,
  type Check,
} from '../../codec/shape.ts'

/* How a server began, down to a whole state that somebody put in its place. */

/** Types only; `optionsOf` knows the bounds. */
const optionChecks = (wrap: (check: Check) => Check): Check => {
  const entries = Object.entries(DEFAULT_OPTIONS).map(([key, value]: [string, unknown]) => [
    key,
    wrap(typeof value === 'boolean' ? flag : counter),
  ])
  return fields<Options>(Object.fromEntries(entries) as { [K in keyof Options]-?: Check })
}
/** An option that is missing is newer than the trace, and stands at its default. */
export const optionsCheck = optionChecks(optional)
const someOptions = optional(optionsCheck)

const known = {
  mode: json,
  id: name,
  matchIndex: counter,
  active: flag,
  ackedRound: counter,
  sentCommit: counter,
  window: counter,
} as const

const progress = variants('mode', {
  probe: fields<Probe>({ ...known, nextIndex: counter, paused: flag }),
  replicate: fields<Replicate>({
    ...known,
    nextIndex: counter,
    inflight: list(fields<InflightMessage>({ lastIndex: counter, bytes: counter })),
  }),
  snapshot: fields<Transfer>({
    ...known,
    transferId: counter,
    snapshot: snapshotMeta,
    phase: oneOf('offer', 'transfer', 'install'),
    startsOver: flag,
    inflight: list(fields<InflightObject>({ objectId: textOrNumber, bytes: counter, digestBefore: counter })),
    nextObjectId: nullable(textOrNumber),
    reading: nullable(textOrNumber),
    digest: counter,
    objectsSent: counter,
    resendBelow: counter,
    detours: counter,
    idleTicks: counter,
    installTicks: counter,
    retries: counter,
    objectsAcked: counter,
    bytesAcked: counter,
  }),
})

const queue = (check: Check): Check =>
  fields<Queue<unknown>>({ front: list(check), middle: list(list(check)), back: list(check) })

const ballot = { type: json, granted: list(name), rejected: list(name) } as const

const role = variants('type', {
  follower: fields<Follower>({ type: json }),
  preCandidate: fields<PreCandidate>(ballot),
  candidate: fields<Candidate>({ ...ballot, voteSequence: counter }),
  leader: fields<Leader>({
    type: json,
    progress: list(progress),
    termStartIndex: counter,
    heartbeatElapsedTicks: counter,
    round: counter,
    ackedRound: counter,
    reads: queue(fields<PendingRead>({ id: textOrNumber, round: counter, index: nullable(counter) })),
    clockTicks: counter,
    roundsStarted: list(fields<Leader['roundsStarted'][number]>({ round: counter, atTicks: counter })),
    leaseTicks: integer,
    shortSilence: list(name),
    transfersStarted: counter,
    failedTransfers: list(
      fields<FailedTransfer>({ id: name, failures: counter, retryAtTicks: counter, startsOver: flag }),
    ),
  }),
})

const receiving = fields<Receiving>({
  leaderId: name,
  term: counter,
  transferId: counter,
  snapshot: snapshotMeta,
  phase: oneOf('transfer', 'install'),
  nextObjectId: textOrNumber,
  digest: counter,
  position: counter,
  saving: nullable(fields<NonNullable<Receiving['saving']>>({ objectId: textOrNumber, digest: counter, isLast: flag })),
  queued: list(queuedObject),
})

const serverCheck = fields<Server>({
  id: name,
  currentTerm: counter,
  votedFor: nullable(name),
  leaderId: nullable(name),
  role,
  commitIndex: counter,
  applyingIndex: counter,
  lastApplied: counter,
  durableIndex: counter,
  saveSequence: counter,
  savedSequence: counter,
  hardStateSequence: counter,
  truncation: nullable(fields<NonNullable<Server['truncation']>>({ sequence: counter, index: counter })),
  configurations: list(fields<ConfigurationAt>({ index: counter, configuration })),
  snapshot: snapshotMeta,
  snapshotRequested: counter,
  sinceSnapshot: fields<Server['sinceSnapshot']>({ index: counter, upTo: counter, bytes: counter }),
  receiving: nullable(receiving),
  electionElapsedTicks: counter,
  electionDeadlineTicks: counter,
  stickyTicks: counter,
  seed: integer,
})

const START = { how: json, options: someOptions, seed: optional(integer) } as const
export const startCheck = variants('how', {
  birth: fields<{ how: 'birth' } & Omit<Birth, 'id'>>({ ...START, configuration }),
  restart: fields<{ how: 'restart' } & Omit<Remains, 'id'>>({
    ...START,
    hardState,
    snapshot: snapshotMeta,
    base: optional(position),
    entries: list(entry),
    lastApplied: optional(counter),
    installed: optional(snapshotMeta),
    received: optional(
      fields<NonNullable<Remains['received']>>({ snapshot: snapshotMeta, nextObjectId: textOrNumber, digest: finite }),
    ),
  }),
  state: fields<Extract<Start, { readonly how: 'state' }>>({
    ...START,
    server: serverCheck,
    base: position,
    entries: list(entry),
  }),
})
