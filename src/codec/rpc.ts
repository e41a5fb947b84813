import type { JsonValue } from '../core/entry.ts'
import type { AppendEntriesFailure, AppendEntriesSuccess, Rpc } from '../core/rpc.ts'
import {
  counter,
  fields,
  flag,
  isRecord,
  json,
  lenient,
  list,
  name,
  oneOf,
  optional,
  text,
  textOrNumber,
  variants,
  type Check,
  type FieldChecks,
} from './shape.ts'
import { entry, snapshotMeta } from './values.ts'

/*
 * RPCs as JSON; the types make the compiler ask for every field of every RPC. Measured on an AppendEntries of 64 commands:
 * 55 µs to parse its JSON, 7 µs to check it here, 42 µs to check it with valibot.
 */

type Of<T> = Extract<Rpc, { readonly type: T }>

const kind: Check = json
const candidacy = { type: kind, term: counter, candidateId: name, lastLogIndex: counter, lastLogTerm: counter } as const
const vote = { type: kind, term: counter, voteGranted: flag } as const
/** Absent in traces of earlier versions, which did not number pre-votes. */
const question = optional(counter)
/** Absent where no silence is granted. */
const silenceTicks = optional(counter)

const appendSuccess = fields<AppendEntriesSuccess>({
  type: kind,
  term: counter,
  success: flag,
  matchIndex: counter,
  round: counter,
  silenceTicks,
})
const appendFailure = fields<AppendEntriesFailure>({
  type: kind,
  term: counter,
  success: flag,
  rejectedIndex: counter,
  conflictIndex: counter,
  conflictTerm: counter,
  round: counter,
  silenceTicks,
})

type InstallSnapshotFields = FieldChecks<Of<'InstallSnapshot'>>
const INSTALL: InstallSnapshotFields = {
  type: kind,
  term: counter,
  leaderId: name,
  transferId: counter,
  snapshot: snapshotMeta,
  startsOver: flag,
  position: counter,
  objectId: textOrNumber,
  data: text,
  checksum: counter,
  digest: counter,
  isLast: flag,
}

/** InstallSnapshot with some fields described in another way. */
export const installSnapshot = (changes: Partial<InstallSnapshotFields> = {}): Check =>
  fields<Of<'InstallSnapshot'>>({ ...INSTALL, ...changes })

/** An RPC; `install` describes InstallSnapshot, whose data a trace may hold elsewhere. */
export const rpcShape = (install: Check): Check => variants('type', { ...OTHERS, InstallSnapshot: install })

const OTHERS: Readonly<Record<Exclude<Rpc['type'], 'InstallSnapshot'>, Check>> = {
  RequestPreVote: fields<Of<'RequestPreVote'>>({ ...candidacy, question }),
  RequestVote: fields<Of<'RequestVote'>>(candidacy),
  RequestPreVoteResponse: fields<Of<'RequestPreVoteResponse'>>({ ...vote, question }),
  RequestVoteResponse: fields<Of<'RequestVoteResponse'>>(vote),
  AppendEntries: fields<Of<'AppendEntries'>>({
    type: kind,
    term: counter,
    leaderId: name,
    prevLogIndex: counter,
    prevLogTerm: counter,
    entries: list(entry),
    leaderCommit: counter,
    round: counter,
  }),
  AppendEntriesResponse: (value, reading) =>
    isRecord(value) && value['success'] === true ? appendSuccess(value, reading) : appendFailure(value, reading),
  InstallSnapshotResponse: fields<Of<'InstallSnapshotResponse'>>({
    type: kind,
    term: counter,
    transferId: counter,
    status: oneOf('wanted', 'saving', 'installing', 'installed'),
    nextObjectId: textOrNumber,
    digest: counter,
    installedIndex: counter,
  }),
}

const rpc = rpcShape(installSnapshot())

/** What a network carries for an RPC: an RPC is JSON as it is. */
export const encodeRpc = (rpc: Rpc): JsonValue => rpc as unknown as JsonValue

/**
 * Checks something that claims to be an RPC, field by field. Fields of a later version are dropped. Commands pass as they
 * are, for the state machine to judge, and so does what needs a log to be judged, such as the order of entries. The error
 * says which field is wrong and why. Never throws.
 */
export const decodeRpc = (value: unknown): { readonly rpc: Rpc } | { readonly error: string } => {
  const read = lenient(rpc, value)
  return 'fault' in read ? { error: `rpc${read.fault}` } : { rpc: read.value as Rpc }
}
