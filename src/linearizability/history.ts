import { UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { restoreNumerals } from '../codec/numerals.ts'

/**
 * What clients of a key-value store asked, when, and what they were told: the evidence that the checker of
 * linearizability.ts judges. Times are numbers of any unit that all clients share; only their order counts.
 */
export interface Operation {
  /** Who asked. For messages only: the checker orders operations by their times. */
  readonly client: string
  readonly call: number
  /** When the answer came, ≥ call; null when none did: the operation takes effect at any time after call, or never. */
  readonly return: number | null
  readonly input: Input
  /** What the client was told; null when that was not recorded, always so when return is null. */
  readonly output: Output | null
  /** The times as text, where call and return are only their ranks, because a double would round them. */
  readonly times?: { readonly call: string; readonly return: string | null }
}

export type Input = Get | Put | CompareAndSet | Delete

export interface Get {
  readonly kind: 'get'
  readonly key: string
}

export interface Put {
  readonly kind: 'put'
  readonly key: string
  readonly value: JsonValue
}

export interface CompareAndSet {
  readonly kind: 'cas'
  readonly key: string
  readonly from: JsonValue
  readonly to: JsonValue
  /** Whether a missing key is set to `to`, as if it had matched. */
  readonly createIfMissing: boolean
}

export interface Delete {
  readonly kind: 'delete'
  readonly key: string
}

/** Each claims exactly what its comment says; an output that its kind of input cannot give is never legal. */
export type Output =
  /** get: the key held this value. null also stands for a missing key, as many stores report it. */
  | { readonly type: 'value'; readonly value: JsonValue }
  /** put, cas: it was written. delete: the key is gone; whether it was there before is not said. */
  | { readonly type: 'ok' }
  /** delete: there was a value, and it is gone. */
  | { readonly type: 'deleted' }
  /** get, delete, cas: there was no such key, and nothing changed. */
  | { readonly type: 'missing' }
  /** cas: the key held something else than `from`, and nothing changed. */
  | { readonly type: 'mismatch' }
  /** cas: nothing changed; whether for a missing key or a mismatch is not said. */
  | { readonly type: 'refused' }

/**
 * One line of a history as Jepsen writes it. `fail` says that the operation did not and will not happen, `info`
 * that nobody knows. A client has one operation open at a time, and may go on with the next after an `info`.
 */
export type HistoryEvent =
  | { readonly type: 'invoke'; readonly client: string; readonly time: number; readonly input: Input }
  | { readonly type: 'ok'; readonly client: string; readonly time: number; readonly output: Output }
  | { readonly type: 'fail' | 'info'; readonly client: string; readonly time: number }

/**
 * Pairs each invocation with its completion; `fail`ed operations are left out, those still open at the end have an
 * unknown outcome. Events come in the order of their times. @throws UsageError when a completion has no invocation,
 * or a client invokes while its previous operation is open.
 */
export const operationsOf = (events: readonly HistoryEvent[]): readonly Operation[] => {
  const operations: (Operation | null)[] = []
  const open = new Map<string, { readonly at: number; readonly operation: Operation }>()
  for (const event of events) {
    const { client, time } = event
    const invocation = open.get(client)
    if (event.type === 'invoke') {
      if (invocation !== undefined) throw new UsageError('a client has one operation open at a time', { client, time })
      const operation: Operation = { client, call: time, return: null, input: event.input, output: null }
      open.set(client, { at: operations.length, operation })
      operations.push(operation)
      continue
    }
    if (invocation === undefined) throw new UsageError('a completion follows its invocation', { client, time })
    open.delete(client)
    if (event.type === 'ok') {
      operations[invocation.at] = { ...invocation.operation, return: time, output: event.output }
    } else if (event.type === 'fail') {
      operations[invocation.at] = null
    }
  }
  return operations.filter((operation) => operation !== null)
}

/** One line for people, such as `c1 cas x 1→2: mismatch [3, 7]`; an unknown outcome reads `? [3, …`. */
export const describeOperation = (operation: Operation): string => {
  const { client, input, output, times = operation } = operation
  const end = times.return === null ? '…' : `${times.return}]`
  return `${client} ${describeInput(input)}: ${output === null ? '?' : describeOutput(output)} [${times.call}, ${end}`
}

/** A value as JSON for people. */
export const describeValue = (value: JsonValue): string => restoreNumerals(JSON.stringify(value))

const describeInput = (input: Input): string => {
  switch (input.kind) {
    case 'get':
    case 'delete':
      return `${input.kind} ${input.key}`
    case 'put':
      return `put ${input.key}=${describeValue(input.value)}`
    case 'cas':
      return (
        `cas ${input.key} ${describeValue(input.from)}→${describeValue(input.to)}` +
        (input.createIfMissing ? ' or create' : '')
      )
  }
}

const describeOutput = (output: Output): string => (output.type === 'value' ? describeValue(output.value) : output.type)
