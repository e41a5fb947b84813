import type {
  BlobLine,
  EndLine,
  FaultEvent,
  Header,
  NetEvent,
  OperationEvent,
  StepEvent,
  ViolationEvent,
} from '../format.ts'
import { messageCheck, sha256Check } from './message.ts'
import { optionsCheck, startCheck } from './start.ts'
import {
  counter,
  fields,
  finite,
  integer,
  json,
  list,
  matching,
  name,
  oneOf,
  optional,
  record,
  table,
  text,
  variants,
  type Check,
} from '../../codec/shape.ts'

/** Every line closes with the checksum, which the decoder has looked at before anything else. */
type Sealed<T> = T & { readonly c: number }

const seal = { c: counter } as const
const hash = matching(/^[0-9a-f]{16}$/, ' is not a hash')

type Fault<K> = Extract<FaultEvent, { readonly kind: K }>

const fault = { t: json, kind: json, at: finite, ...seal } as const

export const headerCheck = fields<Sealed<Header>>({
  t: json,
  v: counter,
  core: text,
  options: optionsCheck,
  seed: integer,
  nodes: list(name),
  init: table(startCheck),
  ...seal,
})

export const lineCheck: Check = variants('t', {
  in: fields<Sealed<StepEvent>>({
    t: json,
    i: counter,
    n: name,
    at: finite,
    m: messageCheck,
    src: optional(counter),
    h: optional(hash),
    s: optional(json),
    ...seal,
  }),
  net: fields<Sealed<NetEvent>>({
    t: json,
    kind: oneOf('drop', 'delay', 'duplicate'),
    at: finite,
    src: optional(counter),
    from: name,
    to: name,
    rpc: optional(text),
    ...seal,
  }),
  fault: variants('kind', {
    crash: fields<Sealed<Fault<'crash'>>>({ ...fault, n: name }),
    restart: fields<Sealed<Fault<'restart'>>>({ ...fault, n: name, start: startCheck }),
    partition: fields<Sealed<Fault<'partition'>>>({ ...fault, groups: list(list(name)) }),
    heal: fields<Sealed<Fault<'heal'>>>(fault),
    disk: fields<Sealed<Fault<'disk'>>>({ ...fault, n: name, what: text }),
  } satisfies Readonly<Record<FaultEvent['kind'], Check>>),
  op: fields<Sealed<OperationEvent>>({
    t: json,
    at: finite,
    kind: oneOf('invoke', 'ok', 'fail', 'info'),
    client: text,
    value: record,
    ...seal,
  }),
  viol: fields<Sealed<ViolationEvent>>({
    t: json,
    at: finite,
    i: counter,
    n: optional(name),
    claim: text,
    detail: optional(text),
    ...seal,
  }),
  blob: fields<Sealed<BlobLine>>({ t: json, sha256: sha256Check, bytes: counter, data: text, ...seal }),
  end: fields<Sealed<EndLine>>({ t: json, steps: counter, h: table(hash), ...seal }),
})
