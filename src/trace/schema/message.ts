import { installSnapshot, rpcShape } from '../../codec/rpc.ts'
import type { Message } from '../../core/message.ts'
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
} from '../../codec/shape.ts'

/* The core's messages as a trace holds them; the types make the compiler ask for every field of every variant. */

type Of<U, T> = Extract<U, { readonly type: T }>

const kind: Check = json

export const sha256Check = matching(/^[0-9a-f]{64}$/, ' is not a SHA-256 digest')

/** A snapshot object's data: the text, or a reference to a blob. */
const dataOrBlob: Check = (value, reading) => (isRecord(value) ? blobReference(value, reading) : text(value, reading))
const blobReference = fields<{ blob: string }>({ blob: sha256Check })

/** Both are missing in traces that are older than they are. */
const since = { startsOver: optional(flag), position: optional(counter) } as const

/** An object that a server holds in its state. */
export const queuedObject = installSnapshot(since)

export const rpcCheck = rpcShape(installSnapshot({ ...since, data: dataOrBlob }))

const transfer = { type: kind, to: name, transferId: counter } as const
const received = { type: kind, transferId: counter } as const

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
