import fc from 'fast-check'
import { original } from 'immer'
import type { JsonValue } from '../../src/core/entry.ts'

/*
 * What handlers do to drafts, as data: every command is a list of operations. On plain data they do the same, so that
 * a deep copy for each command is the specification.
 */

/** The way to an object, from the root: at each step one of the parts that are objects, modulo their number. */
type Way = readonly number[]

export type Operation =
  | { readonly op: 'set'; readonly at: Way; readonly key: string; readonly value: JsonValue }
  /** Puts there the object that the command itself holds. */
  | { readonly op: 'take'; readonly at: Way; readonly key: string }
  | { readonly op: 'count' | 'delete'; readonly at: Way; readonly key: string }
  /** Puts there what is also elsewhere: as it is, inside a new object, or at the end of a list. */
  | { readonly op: 'alias' | 'wrap' | 'push'; readonly at: Way; readonly key: string; readonly from: Way }
  | { readonly op: 'shift' | 'reverse'; readonly at: Way }
  /**
   * Puts there a constant of the handler's closure, or what the draft was made from. The former ends its command: a
   * handler that goes on to change it there has changed its constant.
   */
  | { readonly op: 'constant'; readonly at: Way; readonly key: string; readonly which: number }
  | { readonly op: 'original'; readonly at: Way; readonly key: string; readonly from: Way }
  /** Puts there a new object and keeps it; changes the one that was kept by a command before. */
  | { readonly op: 'keep' | 'changeKept'; readonly at: Way; readonly key: string }
  /** Changes a constant; keeps what is there, a draft mostly; counts in what was kept, by whatever command. */
  | { readonly op: 'changeConstant' }
  | { readonly op: 'hold'; readonly from: Way }
  | { readonly op: 'countHeld' }
  /** Puts there what JSON changes. */
  | { readonly op: 'spoil'; readonly at: Way; readonly key: string; readonly which: number }
  | { readonly op: 'throw' }

export type Program = {
  readonly operations: readonly Operation[]
  /** An object for `take`. */
  readonly held: JsonValue
  /** What the result shows. */
  readonly show: Way
}

type Node = Record<string, unknown> | unknown[]

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

const follow = (root: Node, way: Way): Node => {
  let node = root
  for (const step of way) {
    const parts: readonly unknown[] = Object.values(node).filter(isNode)
    const next = parts[step % Math.max(parts.length, 1)]
    if (!isNode(next)) return node
    node = next
  }
  return node
}

const put = (node: Node, key: string, value: unknown): void => {
  if (Array.isArray(node)) node[key.length % (node.length + 1)] = value
  else node[key] = value
}

const count = (node: Node, key: string): void => {
  const before: unknown = Reflect.get(node, key)
  if (before === undefined || typeof before === 'number') put(node, key, (before ?? 0) + 1)
}

const misfits = (): readonly unknown[] => [
  undefined,
  NaN,
  -0,
  Infinity,
  new Date(0),
  new Map([[1, 1]]),
  Object.create(null),
  [, 1],
  { inner: undefined },
  Object.assign([1], { name: 1 }),
  { [Symbol('s')]: 1 },
  JSON.parse('{ "__proto__": 1 }'),
]

/** A handler with a closure of its own, as a process has it from its start on. */
export const handlerOf = () => {
  const constants = [{ n: 0 }, [{ n: 0 }, []], Object.freeze({ n: 0, inner: { n: 0 } })]
  let kept: { n: number; list: unknown[] } | null = null
  let held: Node | null = null

  const run = (root: Node, operation: Operation, program: Program): void => {
    switch (operation.op) {
      case 'set':
        return put(follow(root, operation.at), operation.key, structuredClone(operation.value))
      case 'take':
        return put(follow(root, operation.at), operation.key, program.held)
      case 'count':
        return count(follow(root, operation.at), operation.key)
      case 'delete': {
        const node = follow(root, operation.at)
        if (Array.isArray(node)) node.splice(operation.key.length, 1)
        else Reflect.deleteProperty(node, operation.key)
        return
      }
      case 'alias':
        return put(follow(root, operation.at), operation.key, follow(root, operation.from))
      case 'wrap':
        return put(follow(root, operation.at), operation.key, { inner: [follow(root, operation.from)] })
      case 'push': {
        const node = follow(root, operation.at)
        if (Array.isArray(node)) node.push(follow(root, operation.from))
        return
      }
      case 'shift':
      case 'reverse': {
        const node = follow(root, operation.at)
        if (Array.isArray(node)) node[operation.op]()
        return
      }
      case 'constant':
        return put(follow(root, operation.at), operation.key, constants[operation.which % constants.length])
      case 'original': {
        const found: unknown = follow(root, operation.from)
        return put(follow(root, operation.at), operation.key, originalOf(found))
      }
      case 'keep':
        kept = { n: 0, list: [] }
        return put(follow(root, operation.at), operation.key, kept)
      case 'changeKept':
        if (kept === null) return
        kept.n += 1
        kept.list.push({ n: kept.n })
        return
      case 'changeConstant':
        count(constants[0] ?? [], 'n')
        return
      case 'hold':
        held = follow(root, operation.from)
        return
      case 'countHeld':
        if (held !== null) count(held, 'held')
        return
      case 'spoil': {
        const all = misfits()
        return put(follow(root, operation.at), operation.key, all[operation.which % all.length])
      }
      case 'throw':
        throw new Error('as asked')
    }
  }

  return (root: object, program: Program): JsonValue => {
    for (const operation of program.operations) {
      run(root as Node, operation, program)
      if (operation.op === 'constant') break
    }
    return { keys: Object.keys(root), shown: follow(root as Node, program.show) as JsonValue }
  }
}

const originalOf = (found: unknown): unknown => {
  try {
    return original(found)
  } catch {
    return null
  }
}

const ways: fc.Arbitrary<Way> = fc.array(fc.nat(3), { maxLength: 3 })
/** From the root itself seldom: it makes a cycle, which is refused. */
const sources: fc.Arbitrary<Way> = fc.oneof({ weight: 9, arbitrary: ways.filter((way) => way.length > 0) }, ways)
const names = fc.constantFrom('a', 'b', '1', 'n')
const literals: fc.Arbitrary<JsonValue> = fc.constantFrom<JsonValue>(
  1,
  'text',
  null,
  {},
  [],
  { n: 0 },
  [{ n: 0 }, { n: 1 }],
  { a: { n: 0 }, b: [[]] },
)

type Named = Operation['op']

const operationsNamed = (allowed: readonly Named[]): fc.Arbitrary<Operation> =>
  fc
    .record({
      op: fc.constantFrom(...allowed),
      at: ways,
      from: sources,
      key: names,
      value: literals,
      which: fc.nat(20),
    })
    .map((made): Operation => made as Operation)

/** What only the arguments decide, and what the same handler does to plain data. */
export const PURE: readonly Named[] = ['set', 'take', 'count', 'delete', 'alias', 'wrap', 'push', 'shift', 'reverse']

/** With these, a handler holds on to objects, but its results do not depend on them: a restart must not show. */
export const RETENTIVE: readonly Named[] = [...PURE, 'constant', 'original', 'keep', 'changeKept', 'spoil', 'throw']

/** With these, a handler is what no handler should be. Even so no cut of a batch may show. */
export const ALL: readonly Named[] = [...RETENTIVE, 'changeConstant', 'hold', 'countHeld']

export const programs = (allowed: readonly Named[]): fc.Arbitrary<Program[]> =>
  fc.array(
    fc.record({ operations: fc.array(operationsNamed(allowed), { maxLength: 4 }), held: literals, show: ways }),
    { maxLength: 8 },
  )
