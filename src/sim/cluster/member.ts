import type { JsonValue } from '../../core/entry.ts'
import type { NodeId } from '../../core/ids.ts'
import type { Configuration } from '../../core/membership/configuration.ts'
import type { Message } from '../../core/message.ts'
import type { Output } from '../../core/output.ts'
import type { Rpc } from '../../core/rpc.ts'
import type { Birth, Remains } from '../../core/start.ts'
import type { RaftState } from '../../core/state.ts'
import type { StateMachine } from '../../machine/machine.ts'
import type { Replica, ReplicaMessage, ReplicaOutput } from '../../machine/replica-state.ts'
import type { Range } from '../dice.ts'
import type { MachineWork } from './deferred-run.ts'
import type { OwnSnapshot } from './disk-contents.ts'
import type { CrashLoss, SimDisk } from './disk.ts'
import type { Fate, NetworkOptions } from './network.ts'
import type { Seed } from '../../core/random.ts'

export interface SimClusterOptions<S, C extends JsonValue, R extends JsonValue> extends ClusterObserver<S, R> {
  readonly machine: StateMachine<S, C, R>
  /** How many nodes, 1 or more; they are called n1, n2, … */
  readonly size: number
  /** Equal seeds give equal runs. Default 0. */
  readonly seed?: Seed
  /** Of every server; the core's defaults otherwise. */
  readonly options?: Birth['options']
  /** Those of one server, where they differ from the others'. */
  readonly optionsOf?: (id: NodeId) => Birth['options']
  /** Units of virtual time between the ticks of a server. Each server has a phase of its own. Default 10. */
  readonly tickInterval?: number
  readonly network?: Partial<NetworkOptions>
  /** How long a write takes until it is durable. Default 0 to 4. */
  readonly diskDelay?: Range
  /**
   * Writes that come while one is under way share the next one, as in the shell, and snapshots are written beside them.
   * Otherwise every write is durable by itself, in order. Default false.
   */
  readonly sharesWrites?: boolean
  /** How long a state machine takes for each thing that it is asked. Default null: no time at all. */
  readonly machineDelay?: Range | null
  /** How long it takes to put a received snapshot in force, if it takes any time. Default: machineDelay. */
  readonly installDelay?: Range
  /** RPCs go through their bytes. Default false. */
  readonly throughBytes?: boolean
  /** Disks keep their log in frames of bytes, and a restart reads those. Default false. */
  readonly diskBytes?: boolean
  /** The cluster's first configuration. Default: every node a voter. */
  readonly configuration?: Configuration
  /** The share of received objects that machines reject at present. Default: none. */
  readonly rejectRate?: () => number
  /** The machine of one node, where they differ; equal in all but how they cut their snapshots. */
  readonly machineOf?: (id: NodeId) => StateMachine<S, C, R>
  /** Check the invariants of every step; about three times slower. Default false. */
  readonly checked?: boolean
}

/** Whoever looks on. It may call any method of the cluster but those that let time pass. */
export interface ClusterObserver<S, R> {
  /** Sees every output, in order, before it is carried out. The node's replica is the one after the step. */
  readonly onOutput?: (id: NodeId, output: ReplicaOutput<R>) => void
  /** Sees every step of the core inside a replica, before anything comes of it. */
  readonly onStep?: (before: RaftState, message: Message, after: RaftState, outputs: readonly Output[]) => void
  /** The reducer did not survive this message; its error follows. */
  readonly onStepFailed?: (before: RaftState, message: Message) => void
  /** A node that was down is up again, from these remains. */
  readonly onRestart?: (id: NodeId, replica: Replica<S, R>, remains: Remains) => void
  readonly onCrash?: (id: NodeId, why: CrashReason, loss: CrashLoss) => void
  readonly onFate?: (fate: Fate, from: NodeId, to: NodeId) => void
}

/** Killed, between outputs of one step or not; or stopped by itself, as its disk refused a write. */
export type CrashReason = 'killed' | 'killed between outputs' | 'disk full' | 'write failed'

export type DiskFault = 'full' | 'failing'

/** One node: what lasts of it over its lives, and its present one. */
export interface Member<S, R> {
  readonly birth: Birth
  readonly id: NodeId
  readonly machine: StateMachine<S, JsonValue, JsonValue & R>
  /** The same, but that it never rejects what it has kept. */
  readonly sound: StateMachine<S, JsonValue, JsonValue & R>
  readonly disk: SimDisk
  /** Null while it is down. */
  replica: Replica<S, R> | null
  /** Counts restarts: what an earlier life set going is none of a later one's business. */
  life: number
  /** When the latest write under way will be durable: none overtakes another. */
  diskBusyUntil: number
  diskDelay: Range
  /** When the latest work of the machine will be done, and how long it takes for another; null: no time at all. */
  machineBusyUntil: number
  machineDelay: Range | null
  diskFault: DiskFault | null
  tickInterval: number
  /** Ticks that have come due while it stood still. */
  owedTicks: number
  /** What came while it stood still; null while it runs. */
  held: SimEvent<S, R>[] | null
  /** It dies after so many outputs of its next step that has any; null when it does not. */
  fuse: number | null
}

export type SimEvent<S, R> =
  | { readonly type: 'tick' | 'written'; readonly member: Member<S, R>; readonly life: number }
  /** A snapshot that is written beside other writes. */
  | {
      readonly type: 'snapshotWritten'
      readonly member: Member<S, R>
      readonly life: number
      readonly write: OwnSnapshot
    }
  | { readonly type: 'work'; readonly member: Member<S, R>; readonly life: number; readonly work: MachineWork }
  | { readonly type: 'rpc'; readonly from: NodeId; readonly member: Member<S, R>; readonly rpc: Rpc }
  | { readonly type: 'submit'; readonly member: Member<S, R>; readonly message: ReplicaMessage }
  | { readonly type: 'action'; readonly run: () => void }
