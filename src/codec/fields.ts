import { isCounter, type Index, type NodeId, type ObjectId, type Term } from '../core/ids.ts'

/*
 * Reading the fields of something that came over the network. A value that is not what it should be is thrown as
 * Malformed, which only decodeRpc catches: on the path of good messages that costs nothing.
 */

/** Says what is wrong, and where. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
  /** From the outermost field inwards, as in `entries[3].term`. Empty for the value as a whole. */
  readonly path: string
  /** Reads on from the path: "is not a string". */
  readonly fault: string
  constructor(path: string, fault: string) {
    super(`${path} ${fault}`)
    this.path = path
    this.fault = fault
  }
}

/** Runs `read` on what is found at `path`, so that a fault in there is named with the whole way to it. */
export const inside = <T>(path: string, read: () => T): T => {
  try {
    return read()
  } catch (problem) {
    throw problem instanceof Malformed ? outward(path, problem) : problem
  }
}

/** The same fault, seen from the value around. */
export const outward = (path: string, { path: inner, fault }: Malformed): Malformed =>
  new Malformed(inner === '' || inner.startsWith('[') ? path + inner : `${path}.${inner}`, fault)

export type Fields = Readonly<Record<string, unknown>>

/** @throws Malformed for anything but an object. */
export const fieldsOf = (value: unknown): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed('', 'is not an object')
  return value as Fields
}

/** @throws Malformed for anything but an array. */
export const listOf = (value: unknown, path: string): readonly unknown[] => {
  if (!Array.isArray(value)) throw new Malformed(path, 'is not an array')
  return value
}

/** @throws Malformed for anything but a whole number in [0, 2^53). */
export const counterOf = (value: unknown, path: string): number => {
  if (!isCounter(value)) throw new Malformed(path, 'is not a whole number, 0 or more')
  return value
}

export const termOf = (value: unknown, path: string): Term => counterOf(value, path) as Term
export const indexOf = (value: unknown, path: string): Index => counterOf(value, path) as Index

/** @throws Malformed for anything but a non-empty string. */
export const nodeIdOf = (value: unknown, path: string): NodeId => {
  if (typeof value !== 'string' || value === '') throw new Malformed(path, 'is not a non-empty string')
  return value as NodeId
}

/** @throws Malformed for anything but a string. */
export const stringOf = (value: unknown, path: string): string => {
  if (typeof value !== 'string') throw new Malformed(path, 'is not a string')
  return value
}

/** @throws Malformed for anything but true or false. */
export const booleanOf = (value: unknown, path: string): boolean => {
  if (typeof value !== 'boolean') throw new Malformed(path, 'is not true or false')
  return value
}

/** Numbers and strings name objects; which of them exist only the state machine knows. @throws Malformed otherwise. */
export const objectIdOf = (value: unknown, path: string): ObjectId => {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value
  throw new Malformed(path, 'is not a number or a string')
}
