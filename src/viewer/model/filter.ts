import type { Message } from '../../core/message.ts'
import { describeEvent } from '../../trace/describe.ts'
import type { TraceEvent } from '../../trace/format.ts'
import { KINDS, bitOf, type Kind } from './kinds.ts'
import type { Timeline } from './timeline.ts'

/** Says of an event whether it is wanted. */
export type Filter = (timeline: Timeline, at: number) => boolean

export type Parsed = { readonly filter: Filter } | { readonly error: string }

export const FILTER_HELP =
  'type:AppendEntries, node:n3, from:n1, term>4, index:120, step>=100, client:c1, a kind (election, commit, snapshot, sent, installed, truncation, configuration, fault, violation, ignored, rejected, client, lost), or any word; -word excludes'

const WORD = /^(-?)(type|node|from|term|index|step|client|commit)(:|=|>=|<=|>|<)(.+)$/i

/** Words that all have to hold. */
export const parseFilter = (text: string): Parsed => {
  const filters: Filter[] = []
  for (const word of text.trim().split(/\s+/)) {
    if (word === '') continue
    const parsed = parseWord(word)
    if ('error' in parsed) return parsed
    filters.push(parsed.filter)
  }
  return { filter: (timeline, at) => filters.every((filter) => filter(timeline, at)) }
}

const parseWord = (word: string): Parsed => {
  const found = WORD.exec(word)
  if (found === null) return wordOrKind(word)
  const [, negation, key = '', operator = ':', value = ''] = found
  const parsed = parseField(key.toLowerCase(), operator, value)
  return 'error' in parsed || negation === '' ? parsed : { filter: (timeline, at) => !parsed.filter(timeline, at) }
}

const wordOrKind = (word: string): Parsed => {
  const isNegated = word.startsWith('-') && word.length > 1
  const plain = (isNegated ? word.slice(1) : word).toLowerCase()
  const kind = KINDS.find((known) => known === plain)
  const filter = kind === undefined ? containing(plain) : ofKind(kind)
  return { filter: isNegated ? (timeline, at) => !filter(timeline, at) : filter }
}

const ofKind = (kind: Kind): Filter => {
  const bit = bitOf(kind)
  return (timeline, at) => (timeline.bits.at(at) & bit) !== 0
}

const containing =
  (text: string): Filter =>
  ({ trace }, at) => {
    const event = trace.events[at]
    return event !== undefined && describeEvent(event).toLowerCase().includes(text)
  }

const parseField = (key: string, operator: string, value: string): Parsed => {
  if (key === 'type') return { filter: ofType(value.toLowerCase()) }
  if (key === 'node') return { filter: ({ trace }, at) => nodeOf(trace.events[at]) === value }
  if (key === 'from') return { filter: ({ trace }, at) => fromOf(trace.events[at]) === value }
  if (key === 'client') return { filter: ({ trace }, at) => hasClient(trace.events[at], value) }
  const number = Number(value)
  if (!Number.isFinite(number)) return { error: `${key}${operator} takes a number, not ${value}` }
  const compare = comparison(operator, number)
  if (key === 'term') return { filter: ({ term, node }, at) => node.at(at) !== -1 && compare(term.at(at)) }
  if (key === 'commit') return { filter: ({ commit, node }, at) => node.at(at) !== -1 && compare(commit.at(at)) }
  if (key === 'step') return { filter: ({ trace }, at) => compare(stepOf(trace.events[at])) }
  if (operator !== ':' && operator !== '=') return { error: 'index takes one number, as in index:120' }
  return { filter: (timeline, at) => touches(timeline, at, number) }
}

const hasClient = (event: TraceEvent | undefined, client: string): boolean =>
  event?.t === 'op' && event.client === client

const comparison = (operator: string, value: number): ((of: number) => boolean) => {
  switch (operator) {
    case '>':
      return (of) => of > value
    case '<':
      return (of) => of < value
    case '>=':
      return (of) => of >= value
    case '<=':
      return (of) => of <= value
    default:
      return (of) => of === value
  }
}

const ofType =
  (type: string): Filter =>
  ({ trace }, at) => {
    const event = trace.events[at]
    if (event === undefined) return false
    if (event.t !== 'in') return (event.t === 'fault' || event.t === 'net' ? event.kind : event.t) === type
    if (event.m.type.toLowerCase() === type) return true
    return event.m.type === 'receive' && event.m.rpc.type.toLowerCase() === type
  }

const nodeOf = (event: TraceEvent | undefined): string | null =>
  event === undefined || !('n' in event) ? null : (event.n ?? null)

const fromOf = (event: TraceEvent | undefined): string | null =>
  event?.t === 'in' && event.m.type === 'receive' ? event.m.from : event?.t === 'net' ? event.from : null

const stepOf = (event: TraceEvent | undefined): number => (event?.t === 'in' || event?.t === 'viol' ? event.i : NaN)

/** Whether an event is about an index: its message names it, or the node's last or committed index passes it. */
const touches = ({ trace, node, last, commit, previous }: Timeline, at: number, index: number): boolean => {
  const event = trace.events[at]
  if (event?.t !== 'in') return false
  if (indicesOf(event.m).some(([from, to]) => from <= index && index <= to)) return true
  if (node.at(at) === -1) return false
  const before = previous.at(at)
  return isBetween(index, last.at(before), last.at(at)) || isBetween(index, commit.at(before), commit.at(at))
}

const isBetween = (index: number, before: number, after: number): boolean =>
  before < after ? before < index && index <= after : after < index && index <= before

/** Ranges of indices that a message names, both ends included. */
const indicesOf = (message: Message): readonly (readonly [number, number])[] => {
  switch (message.type) {
    case 'saved':
      return [[message.lastIndex, message.lastIndex]]
    case 'applied':
    case 'snapshotTaken':
    case 'snapshotFailed':
      return [[message.index, message.index]]
    case 'receive':
      return indicesOfRpc(message.rpc)
    case 'tick':
    case 'campaign':
    case 'propose':
    case 'read':
    case 'objectRead':
    case 'objectReadFailed':
    case 'objectSaved':
    case 'objectRejected':
    case 'snapshotInstalled':
      return []
  }
}

const indicesOfRpc = (rpc: Extract<Message, { type: 'receive' }>['rpc']): readonly (readonly [number, number])[] => {
  switch (rpc.type) {
    case 'AppendEntries': {
      const end = rpc.entries.at(-1)?.index ?? rpc.prevLogIndex
      return [[rpc.prevLogIndex, end]]
    }
    case 'AppendEntriesResponse':
      return rpc.success ? [[rpc.matchIndex, rpc.matchIndex]] : [[rpc.rejectedIndex, rpc.rejectedIndex]]
    case 'InstallSnapshot':
      return [[rpc.snapshot.lastIncludedIndex, rpc.snapshot.lastIncludedIndex]]
    case 'InstallSnapshotResponse':
      return [[rpc.installedIndex, rpc.installedIndex]]
    case 'RequestVote':
    case 'RequestPreVote':
      return [[rpc.lastLogIndex, rpc.lastLogIndex]]
    case 'RequestVoteResponse':
    case 'RequestPreVoteResponse':
      return []
  }
}
