import type { CompareAndSet, Operation } from './history.ts'
import type { KeyState, Share } from './kv-model.ts'

/** What an operation says of the states next to it. Equal values are one object, so that they compare by identity. */
export interface Claim {
  readonly operation: Operation
  readonly call: number
  /** When it returned; Infinity when it did not. */
  readonly end: number
  /** One of these was held just before; null: any may have been. None: the model never answers so. */
  readonly requires: readonly KeyState[] | null
  /** The key was not missing just before. */
  readonly requiresPresent: boolean
  /** What it held just after, certainly or if the operation took effect. Null: nothing was written. */
  readonly leaves: { readonly value: KeyState; readonly isCertain: boolean } | null
}

/** Operations of one key that no linearizable history holds together, and why. */
export interface Refutation {
  readonly reason: string
  readonly operations: readonly Operation[]
}

type Says = Partial<Pick<Claim, 'requires' | 'requiresPresent' | 'leaves'>>

/** The claim of an operation, whose values `share` makes one object where they are equal. */
export const claimOf = (operation: Operation, share: Share): Claim => ({
  operation,
  call: operation.call,
  end: operation.return ?? Infinity,
  requires: null,
  requiresPresent: false,
  leaves: null,
  ...saysOf(operation, share),
})

const IMPOSSIBLE: Says = { requires: [] }
const MISSING: Says = { requires: [undefined] }

const saysOf = ({ input, output, return: end }: Operation, share: Share): Says => {
  const isCertain = end !== null
  switch (input.kind) {
    case 'get':
      if (output === null) return {}
      if (output.type === 'missing') return MISSING
      if (output.type !== 'value') return IMPOSSIBLE
      return { requires: output.value === null ? [null, undefined] : [share(output.value)] }
    case 'put':
      if (output !== null && output.type !== 'ok') return IMPOSSIBLE
      return { leaves: { value: share(input.value), isCertain } }
    case 'delete':
      if (output === null || output.type === 'ok') return { leaves: { value: undefined, isCertain } }
      if (output.type === 'missing') return MISSING
      if (output.type !== 'deleted') return IMPOSSIBLE
      return { requiresPresent: true, leaves: { value: undefined, isCertain } }
    case 'cas':
      return swapSays(input, output, share)
  }
}

const swapSays = (input: CompareAndSet, output: Operation['output'], share: Share): Says => {
  const to = share(input.to)
  switch (output?.type) {
    case undefined:
      return { leaves: { value: to, isCertain: false } }
    case 'ok': {
      const from = share(input.from)
      return { requires: input.createIfMissing ? [from, undefined] : [from], leaves: { value: to, isCertain: true } }
    }
    case 'refused':
      return {}
    case 'missing':
      return input.createIfMissing ? IMPOSSIBLE : MISSING
    case 'mismatch':
      return { requiresPresent: true }
    case 'value':
    case 'deleted':
      return IMPOSSIBLE
  }
}
