import { UsageError, invariant } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { FIRST_OBJECT, isCounter, type ObjectId } from '../core/ids.ts'
import type { SnapshotObject, StateMachine } from './machine.ts'

/**
 * A captured state, turned into objects and back; and how the machines of this folder cut theirs.
 * Capturing itself needs no code: it is keeping a reference to an immutable state.
 */
export interface CapturedObject {
  readonly id: ObjectId
  readonly data: string
}

/** All objects of a state, in the order in which they are to be written. Takes memory for all of them at once. */
export const objectsOf = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  state: S,
): readonly CapturedObject[] => {
  const objects: CapturedObject[] = []
  for (let id: ObjectId | null = FIRST_OBJECT; id !== null;) {
    const { data, next }: { readonly data: string; readonly next: ObjectId | null } = machine.readObject(state, id)
    invariant(next !== id, 'the next object is another one')
    objects.push({ id, data })
    id = next
  }
  return objects
}

/** The state that objects describe. An error if one is damaged, or if they are not all there. */
export const stateFromObjects = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  objects: Iterable<CapturedObject>,
): { readonly state: S } | { readonly error: string } => {
  let state = machine.initial
  let wanted: ObjectId | null = FIRST_OBJECT
  for (const { id, data } of objects) {
    const written = machine.writeObject(state, id, data)
    if ('error' in written) return { error: `object ${JSON.stringify(id)}: ${written.error}` }
    state = written.state
    wanted = written.next
  }
  return wanted === null ? { state } : { error: `object ${JSON.stringify(wanted)} is missing` }
}

/** How large an object may be unless the machine is told otherwise. */
export const OBJECT_BYTES_MAX = 256 * 1024

/** @throws UsageError unless it is a whole number, 1 or more. */
export const checkPositive = (name: string, value: number): number => {
  if (!isCounter(value) || value === 0) throw new UsageError(`${name} is a whole number, 1 or more`, { value })
  return value
}

/** The length of a text in UTF-8, without building the bytes. Half a surrogate pair counts as U+FFFD does: 3. */
export const utf8Bytes = (text: string): number => {
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    bytes += unit < 0x800 ? 1 : 2
    // A pair is two units and four bytes: two of them counted as units already.
    if (isPair(text, at)) at++
  }
  return bytes
}

/** Where to cut a text: the greatest end with [from, end) ≤ bytesMax bytes; never inside a character, always ≥ one. */
export const cutText = (text: string, from: number, bytesMax: number): number => {
  let bytes = 0
  let end = from
  while (end < text.length) {
    const unit = text.charCodeAt(end)
    const pair = isPair(text, end)
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3
    if (bytes > bytesMax && end > from) break
    end += pair ? 2 : 1
  }
  return end
}

const isPair = (text: string, at: number): boolean =>
  (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00

/**
 * Every object begins by saying whether it is the last, since its receiver sees nothing but the text. Ids name a
 * position in the state, never a number of objects, so that a sender that cuts differently can carry on.
 */
const MORE = 'more:'
const LAST = 'last:'
export const FRAME_BYTES = 5

export const frame = (content: string, more: boolean): string => (more ? MORE : LAST) + content

/** The content of an object and whether another follows; null for a text that is no object. */
export const unframe = (data: string): { readonly content: string; readonly more: boolean } | null => {
  const more = data.startsWith(MORE)
  return more || data.startsWith(LAST) ? { content: data.slice(FRAME_BYTES), more } : null
}

/** The half of a state machine that turns states into objects and back; see there for what holds. */
export type ObjectCodec<S> = Pick<StateMachine<S, JsonValue, JsonValue>, 'readObject' | 'writeObject'>

/** A state seen as records in a fixed order, each at a position that is greater than that of the one before. */
export interface Records<S, P extends JsonValue> {
  /** The records after a position, or all for null; `record` never changes from one replica to another. */
  after(state: S, position: P | null): Iterable<{ readonly position: P; readonly record: JsonValue }>
  /** The position of the last record of a state, null if it has none. */
  last(state: S): P | null
  /** A value as a position, if it is one. */
  parse(value: JsonValue): P | null
  isLess(a: P, b: P): boolean
  /** Adds records that follow one another, the first after `position`; those that are there already change nothing. */
  add(partial: S, position: P | null, records: readonly JsonValue[]): { readonly state: S } | { readonly error: string }
}

const AFTER = 'after:'

/**
 * Objects full of records: each a JSON array, framed, of at most `bytesMax` bytes, or of one larger record. Those after
 * the first are named by the position before them. What a receiver holds is always everything up to its last position:
 * an object that begins within that may come again; one that begins after it would leave a hole.
 */
export const recordObjects = <S, P extends JsonValue>(records: Records<S, P>, bytesMax: number): ObjectCodec<S> => {
  const startOf = (id: ObjectId): { readonly position: P | null } | null => {
    if (id === FIRST_OBJECT) return { position: null }
    const value = positionOf(id, AFTER)
    const position = value === undefined ? null : records.parse(value)
    return position === null ? null : { position }
  }
  return {
    readObject(state, id) {
      const start = startOf(id)
      if (start === null) throw new UsageError('there is no such snapshot object', { id })
      return readPage(records.after(state, start.position), bytesMax)
    },
    writeObject(partial, id, data) {
      const start = startOf(id)
      if (start === null) return { error: 'there is no such snapshot object' }
      const held = records.last(partial)
      const isGap = start.position !== null && (held === null || records.isLess(held, start.position))
      if (isGap) return { error: 'an object before this one is missing' }
      const framed = unframe(data)
      const content = framed === null ? null : arrayOf(parseJson(framed.content))
      if (framed === null || content === null) return { error: 'the object is damaged' }
      const added = records.add(partial, start.position, content)
      if ('error' in added) return added
      const last = records.last(added.state)
      if (framed.more && last === null) return { error: 'the object is damaged' }
      return { state: added.state, next: framed.more ? AFTER + JSON.stringify(last) : null }
    },
  }
}

const readPage = (
  records: Iterable<{ readonly position: JsonValue; readonly record: JsonValue }>,
  bytesMax: number,
): SnapshotObject => {
  const texts: string[] = []
  let bytes = FRAME_BYTES + 1
  let last: JsonValue = null
  for (const { position, record } of records) {
    const text = JSON.stringify(record)
    bytes += utf8Bytes(text) + 1
    if (texts.length > 0 && bytes > bytesMax) {
      return { data: frame(`[${texts.join(',')}]`, true), next: AFTER + JSON.stringify(last) }
    }
    texts.push(text)
    last = position
  }
  return { data: frame(`[${texts.join(',')}]`, false), next: null }
}

/** A state machine's state with a table of ours beside it. */
export interface WithTable<T, S> {
  readonly table: T
  readonly machine: S
  /** The object wanted next; null except while a snapshot is being received. */
  readonly wanted: ObjectId | null
}

/** All objects of the table, then all of the machine. An id is a part's name and, in JSON, the id in that part. */
export const tableThenMachine = <T, S>(
  table: ObjectCodec<T>,
  machine: ObjectCodec<S>,
): ObjectCodec<WithTable<T, S>> => {
  const TABLE = 'table:'
  const MACHINE = 'machine:'
  const machineId = (id: ObjectId): ObjectId => MACHINE + JSON.stringify(id)
  const tableId = (id: ObjectId | null): ObjectId =>
    id === null ? machineId(FIRST_OBJECT) : TABLE + JSON.stringify(id)
  return {
    readObject(state, id) {
      const inTable = id === FIRST_OBJECT ? FIRST_OBJECT : idWithin(id, TABLE)
      if (inTable !== null) {
        const { data, next } = table.readObject(state.table, inTable)
        return { data, next: tableId(next) }
      }
      const inMachine = idWithin(id, MACHINE)
      if (inMachine === null) throw new UsageError('there is no such snapshot object', { id })
      const { data, next } = machine.readObject(state.machine, inMachine)
      return { data, next: next === null ? null : machineId(next) }
    },
    writeObject(partial, id, data) {
      const isTableDone = partial.wanted !== null && idWithin(partial.wanted, MACHINE) !== null
      const inTable = id === FIRST_OBJECT ? FIRST_OBJECT : idWithin(id, TABLE)
      if (inTable !== null) {
        const written = table.writeObject(partial.table, inTable, data)
        if ('error' in written) return written
        const next = isTableDone ? partial.wanted : tableId(written.next)
        return { state: { ...partial, table: written.state, wanted: next }, next }
      }
      const inMachine = idWithin(id, MACHINE)
      if (inMachine === null) return { error: 'there is no such snapshot object' }
      if (!isTableDone) return { error: 'an object before this one is missing' }
      const written = machine.writeObject(partial.machine, inMachine, data)
      if ('error' in written) return written
      const next = written.next === null ? null : machineId(written.next)
      return { state: { ...partial, machine: written.state, wanted: next }, next }
    },
  }
}

const idWithin = (id: ObjectId, part: string): ObjectId | null => {
  const inner = positionOf(id, part)
  return typeof inner === 'string' || typeof inner === 'number' ? inner : null
}

/** JSON.parse, with undefined for a text that is not JSON. */
export const parseJson = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/** A value as an array, if it is one. */
export const arrayOf = (value: JsonValue | undefined): readonly JsonValue[] | null =>
  Array.isArray(value) ? (value as readonly JsonValue[]) : null

/**
 * Ids that name a position: a prefix and the position in JSON, which is well-formed text whatever the keys hold.
 * Undefined for an id of another kind.
 */
export const positionOf = (id: ObjectId, prefix: string): JsonValue | undefined =>
  typeof id === 'string' && id.startsWith(prefix) ? parseJson(id.slice(prefix.length)) : undefined
