import type { NodeId } from '../core/ids.ts'
import { successor } from '../core/ids.ts'
import { append, compactTo, emptyLog, slice, termAt, truncateFrom, type Log } from '../core/log/log.ts'
import type { Message } from '../core/message.ts'
import type { HardState, Output, Save } from '../core/output.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { RaftState } from '../core/state.ts'
import type { Start } from './format.ts'

interface Disk {
  readonly hardState: HardState
  readonly snapshot: SnapshotMeta
  readonly log: Log
}

/**
 * Disks that keep every save at once. A real one may do so too, so what they give back after a crash is lawful: it is
 * what a server restarts from when the run is no longer the one that was recorded.
 */
export class Disks {
  private readonly disks = new Map<NodeId, Disk>()

  /** A server starts: its disk holds what it remembers. */
  begin({ server, log }: RaftState): void {
    const { currentTerm, votedFor, snapshot } = server
    this.disks.set(server.id, { hardState: { currentTerm, votedFor }, snapshot, log })
  }

  /** One step of the server. */
  write(message: Message, { server }: RaftState, outputs: readonly Output[]): void {
    let disk = this.disks.get(server.id)
    if (disk === undefined) return
    // Whoever says that a snapshot is durable has written it.
    if (message.type === 'snapshotTaken') disk = { ...disk, snapshot: server.snapshot }
    for (const output of outputs) if (output.type === 'save') disk = saved(disk, output)
    this.disks.set(server.id, disk)
  }

  /** A restart of the same kind from this disk; null where a state machine with a disk of its own would be needed. */
  restart(node: NodeId, recorded: Extract<Start, { readonly how: 'restart' }>): Start | null {
    const disk = this.disks.get(node)
    if (disk === undefined || recorded.lastApplied !== undefined) return null
    const { hardState, snapshot, log } = disk
    const { options, seed } = recorded
    return {
      how: 'restart',
      ...(options === undefined ? {} : { options }),
      ...(seed === undefined ? {} : { seed }),
      hardState,
      snapshot,
      base: { index: log.baseIndex, term: log.baseTerm },
      entries: slice(log, successor(log.baseIndex), log.lastIndex),
    }
  }
}

/** In the order that a save asks for: truncate, append, adopt the snapshot, compact. */
const saved = (disk: Disk, save: Save): Disk => {
  const kept = save.truncateFrom === null ? disk.log : truncateFrom(disk.log, save.truncateFrom)
  const log = append(kept, save.entries)
  const { compactTo: to } = save
  return {
    ...disk,
    hardState: save.hardState ?? disk.hardState,
    snapshot: save.snapshot ?? disk.snapshot,
    log: to === null ? log : termAt(log, to.index) === to.term ? compactTo(log, to.index) : emptyLog(to.index, to.term),
  }
}
