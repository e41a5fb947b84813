import type { Options } from '../../core/config.ts'
import { configurationOf } from '../../core/membership/configuration.ts'
import { nodeId, successor, type NodeId } from '../../core/ids.ts'
import { applySave } from '../../core/log/apply-save.ts'
import { emptyLog, slice, type Log } from '../../core/log/log.ts'
import type { HardState, Save } from '../../core/output.ts'
import type { Rpc, SnapshotMeta } from '../../core/rpc.ts'
import { initial, restart } from '../../core/start.ts'
import type { RaftState } from '../../core/state.ts'

/*
 * A whole cluster as one immutable value: what the explorer walks through. Time does not exist here: whatever could
 * happen next, in any order, is an action.
 */
export interface World {
  readonly servers: readonly ServerInWorld[]
  /** Messages under way; their order means nothing. */
  readonly packets: readonly Packet[]
  /** Ticks that have passed at each server. */
  readonly ticks: readonly number[]
  /** How often each of the bounded actions was taken. */
  readonly spent: Spent
  readonly ghost: Ghost
}

export interface ServerInWorld {
  readonly raft: RaftState
  readonly disk: Disk
  /** Saves that the disk has not finished, oldest first. */
  readonly unsaved: readonly Unsaved[]
  /** The state machine: all commands applied, in order, as one text. */
  readonly machine: string
  /** A state that was received and is not in force yet. */
  readonly incoming: string
}

export interface Unsaved {
  readonly save: Save
  /** The state that the save's snapshot is of, where it has one. */
  readonly installed: string
}

export interface Disk {
  readonly hardState: HardState
  readonly log: Log
  readonly snapshot: SnapshotMeta
  /** The state that the snapshot is of. */
  readonly state: string
}

export interface Packet {
  readonly from: NodeId
  readonly to: NodeId
  readonly rpc: Rpc
}

export interface Spent {
  readonly drops: number
  readonly duplicates: number
  readonly crashes: number
  readonly heartbeats: number
  readonly snapshots: number
  readonly reads: number
  /** Counted only where servers ask before they campaign. */
  readonly campaigns: number
}

/** What no server remembers, but all claims are about. */
export interface Ghost {
  /** Who led each term, from term 1 on; null where nobody has. */
  readonly leaders: readonly (NodeId | null)[]
  /** Each committed entry, from index 1 on, and the term of the leader that committed it. */
  readonly committed: readonly { readonly identity: string; readonly inTerm: number }[]
  /** For each read that was asked, how much was committed then. */
  readonly floors: readonly number[]
}

/** Raft by the paper, and snapshots by actions alone. Timeouts are the shortest there are. */
const OPTIONS: Partial<Options> = {
  preVote: false,
  checkQuorum: false,
  noopOnElection: false,
  leaseDriftTicks: 0,
  snapshotEntries: 0,
  snapshotBytes: 0,
  trailingEntries: 0,
}

const NOTHING_SPENT: Spent = {
  drops: 0,
  duplicates: 0,
  crashes: 0,
  heartbeats: 0,
  snapshots: 0,
  reads: 0,
  campaigns: 0,
}

/** A cluster of so many servers that never ran. */
export const bornWorld = (size: number, options: Partial<Options> = {}): World => {
  const ids = Array.from({ length: size }, (_, at) => nodeId(`n${at + 1}`))
  const configuration = configurationOf(ids)
  const servers = ids.map((id): ServerInWorld => {
    const raft = initial({ id, configuration, options: { ...OPTIONS, ...options } })
    const { currentTerm, votedFor, snapshot } = raft.server
    return {
      raft,
      disk: { hardState: { currentTerm, votedFor }, log: emptyLog(), snapshot, state: '' },
      unsaved: [],
      machine: '',
      incoming: '',
    }
  })
  return {
    servers,
    packets: [],
    ticks: ids.map(() => 0),
    spent: NOTHING_SPENT,
    ghost: { leaders: [], committed: [], floors: [] },
  }
}

/** The disk after a save. A snapshot that is adopted brings the state that was installed. */
export const written = (disk: Disk, { save, installed }: Unsaved): Disk => {
  const state = save.snapshot === null ? disk.state : installed
  return { ...applySave(disk, save), state }
}

/** A server that comes back with what its disk holds. */
export const reborn = ({ raft, disk }: ServerInWorld): ServerInWorld => ({
  raft: restart({
    id: raft.server.id,
    options: raft.options,
    hardState: disk.hardState,
    snapshot: disk.snapshot,
    base: { index: disk.log.baseIndex, term: disk.log.baseTerm },
    entries: slice(disk.log, successor(disk.log.baseIndex), disk.log.lastIndex),
  }),
  disk,
  unsaved: [],
  machine: disk.state,
  incoming: '',
})
