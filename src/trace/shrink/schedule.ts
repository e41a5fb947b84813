import type { NodeId } from '../../core/ids.ts'
import type { Message } from '../../core/message.ts'
import type { Output, Reducer } from '../../core/output.ts'
import type { RaftState } from '../../core/state.ts'
import type { FaultEvent, Header, StepEvent, Trace } from '../format.ts'
import type { CheckName } from '../checker/violation.ts'
import { linksOf, type Origin } from '../provenance.ts'

/*
 * A trace seen as a schedule: not "n2 receives these bytes" but "n2 receives the second send of step 17". Leaving
 * something out of a schedule leaves a lawful one: what then was never sent is not received, and what is sent otherwise
 * arrives otherwise. Where the very step is gone, another message of that kind from the same server takes its place. So a smaller schedule with the same violation is as good a proof as the original.
 */

/** One thing to happen. */
export type Item =
  { readonly event: StepEvent; readonly origin: Origin | null } | { readonly event: FaultEvent; readonly origin: null }

export interface Schedule {
  readonly header: Header
  readonly items: readonly Item[]
}

/** A claim found broken. */
export interface Found {
  readonly check: CheckName
  readonly claim: string
  readonly detail: string
}

/** What a schedule comes to: the events that really happened, as a trace that ends with the violation, if there is one. */
export interface Played {
  readonly trace: Trace
  /** The items that happened, up to the violation: one for each event of the trace but the violation itself. */
  readonly items: readonly Item[]
  /** The servers that are up in the end. */
  readonly states: ReadonlyMap<NodeId, RaftState>
  readonly found: Found | null
  /** It was told to end before its end. */
  readonly isStopped: boolean
}

/** A recorded start that makes no server. */
export class ImpossibleStart extends Error {
  /** Null for a start in the header. */
  readonly event: FaultEvent | null
  constructor(reason: string, event: FaultEvent | null) {
    super(reason)
    this.event = event
  }
}

export interface PlayOptions {
  readonly step?: Reducer
  /** Put a hash beside every step, and those of the last states at the end. Costs most of a play. Default true. */
  readonly hashes?: boolean
  /** Make the checks of single steps (checkState, checkTransition) beside those of the ghost. Default true. */
  readonly local?: boolean
  /** Asked every few hundred events: whether to end here, with nothing found. */
  readonly shouldStop?: () => boolean
  /** Further claims, made after every step. @throws InvariantViolation */
  readonly claims?: (
    before: RaftState,
    message: Message,
    after: RaftState,
    outputs: readonly Output[],
    states: ReadonlyMap<NodeId, RaftState>,
  ) => void
}

/** What of a trace concerns reducers; the lines about network, clients and verdicts only tell of it. */
export const scheduleOf = (trace: Trace): Schedule => {
  const origins = linksOf(trace)
  const items: Item[] = []
  for (const event of trace.events) {
    if (event.t === 'in') items.push({ event, origin: origins[event.i] ?? null })
    else if (event.t === 'fault' && (event.kind === 'crash' || event.kind === 'restart'))
      items.push({ event, origin: null })
  }
  return { header: trace.header, items }
}
