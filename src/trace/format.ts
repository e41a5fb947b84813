import type { Options } from '../core/config.ts'
import type { Entry, JsonValue } from '../core/entry.ts'
import type { Index, NodeId, Term } from '../core/ids.ts'
import type { Message } from '../core/message.ts'
import type { Seed } from '../core/random.ts'
import type { Birth, Remains } from '../core/start.ts'
import type { Server } from '../core/state.ts'

/*
 * A trace: everything that went into the reducers of one or more servers, in order. It is JSON Lines. The first line is
 * the header, the last one the end; between them one line an event. Every line closes with `"c"`, the CRC-32 of all
 * text before it, lines before included (without their line feeds): whatever is altered, lost, added or reordered shows
 * at the first line that is concerned.
 *
 * Messages are those of the core's reducer. A replica is recorded as its core: what its state machine answers
 * (`applied`, `objectRead` …) are messages of the trace like any other, so that replay needs no state machine. A
 * `capture`, which a replica takes and the core does not, leaves no line; what comes of it (`snapshotTaken`) does.
 */

/** The version of the lines below; raised by every change that an older reader would misread. */
export const FORMAT_VERSION = 2

/**
 * Versions that can be read. Hashes of version 1 took some doubles for two integers: such a trace replays with its claims,
 * and its hashes are not compared.
 */
export const FORMATS_READ: readonly number[] = [1, 2]

/** Whether the hashes in a trace are comparable with those of this program. */
export const hasHashes = ({ v }: Pick<Header, 'v'>): boolean => v === FORMAT_VERSION

/** Names the reducer that a trace was made with; raised when it is meant to answer some message differently. */
export const CORE_VERSION = 'raft-reducer/4'

/** How a server began: as one of a new cluster, or from what its disk gave back. */
export type Start =
  | ({ readonly how: 'birth' } & Omit<Birth, 'id'>)
  /** Exactly the arguments of `restart`, so that replay does not have to believe in a disk. */
  | ({ readonly how: 'restart' } & Omit<Remains, 'id'>)
  /** In the very state that somebody put in its place: see `stateStart`. */
  | {
      readonly how: 'state'
      readonly options?: Partial<Options>
      readonly seed?: Seed
      readonly server: Server
      readonly base: { readonly index: Index; readonly term: Term }
      readonly entries: readonly Entry[]
    }

export interface Header {
  readonly t: 'hdr'
  readonly v: number
  /** {@link CORE_VERSION} of whoever recorded. A trace of another core may diverge, and says so where it does. */
  readonly core: string
  /**
   * All that there were, so that other defaults change nothing; one that is missing is newer than the trace, and stands
   * at its default. A start may override some.
   */
  readonly options: Partial<Options>
  /** The seed of every start that names none. */
  readonly seed: Seed
  readonly nodes: readonly NodeId[]
  /** How each node began; one that is missing here begins with a `restart` fault. */
  readonly init: Readonly<Record<string, Start>>
}

/** One message into one server. */
export interface StepEvent {
  readonly t: 'in'
  /** Counts the steps of the trace from 0. */
  readonly i: number
  readonly n: NodeId
  /** When: any unit that all lines share; for people and exports only. */
  readonly at: number
  readonly m: Message
  /** The step that this message answers: whose send, save, apply … it was. */
  readonly src?: number
  /** `hashStep` of the state and outputs after it, now and then. */
  readonly h?: string
  /** The state after it, when the recorder was asked for states: shown beside the one that replay reached. */
  readonly s?: JsonValue
}

/** What the network did to a message. It concerns no reducer, as a drop is the absence of a step. */
export interface NetEvent {
  readonly t: 'net'
  readonly kind: 'drop' | 'delay' | 'duplicate'
  readonly at: number
  /** The step that sent it. */
  readonly src?: number
  readonly from: NodeId
  readonly to: NodeId
  /** Which RPC. */
  readonly rpc?: string
}

export type FaultEvent =
  | { readonly t: 'fault'; readonly kind: 'crash'; readonly at: number; readonly n: NodeId }
  /** Also the first start of a node that is not in the header. */
  | { readonly t: 'fault'; readonly kind: 'restart'; readonly at: number; readonly n: NodeId; readonly start: Start }
  | {
      readonly t: 'fault'
      readonly kind: 'partition'
      readonly at: number
      readonly groups: readonly (readonly NodeId[])[]
    }
  | { readonly t: 'fault'; readonly kind: 'heal'; readonly at: number }
  | { readonly t: 'fault'; readonly kind: 'disk'; readonly at: number; readonly n: NodeId; readonly what: string }

/** A client's invocation or answer, as in a Jepsen history: `raft check` reads these lines too. */
export interface OperationEvent {
  readonly t: 'op'
  readonly at: number
  readonly kind: 'invoke' | 'ok' | 'fail' | 'info'
  readonly client: string
  /** Which operation, key and value, under the names that `raft check` knows. */
  readonly value: Readonly<Record<string, JsonValue>>
}

/** A claim that did not hold after step `i`. */
export interface ViolationEvent {
  readonly t: 'viol'
  readonly at: number
  readonly i: number
  /** The server it was seen at; none for a claim about several. */
  readonly n?: NodeId
  readonly claim: string
  readonly detail?: string
}

export type TraceEvent = StepEvent | NetEvent | FaultEvent | OperationEvent | ViolationEvent

/** A large text that later lines refer to by its digest: snapshot objects cross a trace several times. */
export interface BlobLine {
  readonly t: 'blob'
  readonly sha256: string
  /** In UTF-8. */
  readonly bytes: number
  readonly data: string
}

/** The last line; a trace without it was cut short. */
export interface EndLine {
  readonly t: 'end'
  readonly steps: number
  /** `hashState` of every server that was up. */
  readonly h: Readonly<Record<string, string>>
}

export interface Trace {
  readonly header: Header
  readonly events: readonly TraceEvent[]
  /** The line of each event, from 1; null for a trace that was not read from text. */
  readonly lines: readonly number[] | null
  /** Null for a trace that was cut short. */
  readonly end: EndLine | null
}

/** A text at least this long is written once, as a blob. */
export const BLOB_CHARS_MIN = 1024

/** The value under a name, where names are those of nodes: any text, "constructor" included. */
export const valueFor = <T>(values: Readonly<Record<string, T>>, node: string): T | undefined =>
  Object.hasOwn(values, node) ? values[node] : undefined

/** The line of an event: as it was read, or as it will be written if nothing needs a blob. */
export const lineOf = ({ lines }: Trace, at: number): number => lines?.[at] ?? at + 2
