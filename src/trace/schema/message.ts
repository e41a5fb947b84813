import type { Configuration } from '../../core/membership/configuration.ts'
import type { Entry } from '../../core/entry.ts'
import type { Message } from '../../core/message.ts'
import type { AppendEntriesFailure, AppendEntriesSuccess, Rpc, SnapshotMeta } from '../../core/rpc.ts'
import {
  counter,
  fields,
  flag,
  isRecord,
  json,
  list,
  matching,
  name,
  nullable,
  oneOf,
  optional,
  text,
  textOrNumber,
  variants,
  type Check,
} from './fields.ts'

/* The core's messages as a trace holds them; the types make the compiler ask for every field of every variant. */

type Of<U, T> = Extract<U, { readonly type: T }>

const kind: Check = json

export const sha256Check = matching(/^[0-9a-f]{64}$/, ' is not a SHA-256 digest')

/** A snapshot object's data: the text, or a reference to a blob. */
const dataOrBlob: Check = (value) => (isRecord(value) ? blobReference(value) : text(value))
const blobReference = fields<{ blob: string }>({ blob: sha256Check })

export const configuration = fields<Configuration>({
  voters: list(name),
  votersOutgoing: list(name),
  learners: list(name),
})

export const snapshotMeta = fields<SnapshotMeta>({
  lastIncludedIndex: counter,
  lastIncludedTerm: counter,
  configuration,
  configurationIndex: counter,
})

const slot = { index: counter, term: counter, bytes: counter } as const
const ENTRIES: Readonly<Record<Entry['type'], Check>> = {
  command: fields<Of<Entry, 'command'>>({ type: kind, ...slot, command: json }),
  configuration: fields<Of<Entry, 'configuration'>>({ type: kind, ...slot, configuration }),
  noop: fields<Of<Entry, 'noop'>>({ type: kind, ...slot }),
}
export const entry = variants('type', ENTRIES)

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

/** `data` is text; a reference to a blob only where the decoder puts the blob in its place. */
const installSnapshot = (data: Check): Check =>
  fields<Of<Rpc, 'InstallSnapshot'>>({
    type: kind,
    term: counter,
    leaderId: name,
    transferId: counter,
    snapshot: snapshotMeta,
    // Both are missing where a trace is older than they are.
    startsOver: optional(flag),
    position: optional(counter),
    objectId: textOrNumber,
    data,
    checksum: counter,
    digest: counter,
    isLast: flag,
  })

/** An object that a server holds in its state. */
export const queuedObject = installSnapshot(text)

const RPCS: Readonly<Record<Rpc['type'], Check>> = {
  RequestPreVote: fields<Of<Rpc, 'RequestPreVote'>>({ ...candidacy, question }),
  RequestVote: fields<Of<Rpc, 'RequestVote'>>(candidacy),
  RequestPreVoteResponse: fields<Of<Rpc, 'RequestPreVoteResponse'>>({ ...vote, question }),
  RequestVoteResponse: fields<Of<Rpc, 'RequestVoteResponse'>>(vote),
  AppendEntries: fields<Of<Rpc, 'AppendEntries'>>({
    type: kind,
    term: counter,
    leaderId: name,
    prevLogIndex: counter,
    prevLogTerm: counter,
    entries: list(entry),
    leaderCommit: counter,
    round: counter,
  }),
  AppendEntriesResponse: (value) =>
    isRecord(value) && value['success'] === true ? appendSuccess(value) : appendFailure(value),
  InstallSnapshot: installSnapshot(dataOrBlob),
  InstallSnapshotResponse: fields<Of<Rpc, 'InstallSnapshotResponse'>>({
    type: kind,
    term: counter,
    transferId: counter,
    status: oneOf('wanted', 'saving', 'installing', 'installed'),
    nextObjectId: textOrNumber,
    digest: counter,
    installedIndex: counter,
  }),
}

const transfer = { type: kind, to: name, transferId: counter } as const
const received = { type: kind, transferId: counter } as const

export const rpcCheck = variants('type', RPCS)

const MESSAGES: Readonly<Record<Message['type'], Check>> = {
  tick: fields<Of<Message, 'tick'>>({ type: kind }),
  receive: fields<Of<Message, 'receive'>>({ type: kind, from: name, rpc: rpcCheck }),
  propose: fields<Of<Message, 'propose'>>({ type: kind, id: textOrNumber, commands: list(json) }),
  saved: fields<Of<Message, 'saved'>>({ type: kind, sequence: counter, lastIndex: counter }),
  applied: fields<Of<Message, 'applied'>>({ type: kind, index: counter }),
  snapshotTaken: fields<Of<Message, 'snapshotTaken'>>({ type: kind, index: counter }),
  snapshotFailed: fields<Of<Message, 'snapshotFailed'>>({ type: kind, index: counter, reason: text }),
  objectRead: fields<Of<Message, 'objectRead'>>({
    ...transfer,
    objectId: textOrNumber,
    data: dataOrBlob,
    nextObjectId: nullable(textOrNumber),
  }),
  objectReadFailed: fields<Of<Message, 'objectReadFailed'>>({ ...transfer, reason: text }),
  objectSaved: fields<Of<Message, 'objectSaved'>>({ ...received, objectId: textOrNumber, nextObjectId: textOrNumber }),
  objectRejected: fields<Of<Message, 'objectRejected'>>({ ...received, reason: text }),
  snapshotInstalled: fields<Of<Message, 'snapshotInstalled'>>(received),
  read: fields<Of<Message, 'read'>>({ type: kind, id: textOrNumber, mode: oneOf('quorum', 'lease') }),
  campaign: fields<Of<Message, 'campaign'>>({ type: kind }),
}
export const messageCheck = variants('type', MESSAGES)
