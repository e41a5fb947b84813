import type { NodeId } from '../../core/ids.ts'
import { successor } from '../../core/ids.ts'
import { applySave, type StoredImage } from '../../core/log/apply-save.ts'
import { slice } from '../../core/log/log.ts'
import type { Message } from '../../core/message.ts'
import type { Output, Save } from '../../core/output.ts'
import type { Rpc, SnapshotMeta } from '../../core/rpc.ts'
import type { RaftState } from '../../core/state.ts'
import type { Start } from '../format.ts'

type Restart = Extract<Start, { readonly how: 'restart' }>

interface Disk {
  /** What is surely there: every save that was answered, or whose promise was heard. */
  readonly content: StoredImage
  /** Saves under way, oldest first: a crash may lose the last of them. */
  readonly pending: readonly Save[]
  /** Snapshots of its own that the server asked for and has not heard of. */
  readonly asked: readonly SnapshotMeta[]
}

/**
 * What servers restart from when the run is no longer the one that was recorded. A crash loses as many of the saves
 * under way, the last ones, as the recorded crash did, so that what is given back is valid, and as far as possible
 * what the recorded run was about.
 */
export class Disks {
  private readonly disks = new Map<NodeId, Disk>()

  /** A server starts: its disk holds what it remembers. */
  begin({ server, log }: RaftState): void {
    const { currentTerm, votedFor, snapshot } = server
    const content = { hardState: { currentTerm, votedFor }, snapshot, log }
    this.disks.set(server.id, { content, pending: [], asked: [] })
  }

  /** A message arrives: whatever its sender promised it on is durable. */
  heard(from: NodeId, rpc: Rpc): void {
    const save = this.disks.get(from)?.pending.find(({ then }) => then.some((send) => send.rpc === rpc))
    if (save !== undefined) this.complete(from, save.sequence)
  }

  /** One step of the server. */
  write(message: Message, { server }: RaftState, outputs: readonly Output[]): void {
    const { id } = server
    if (message.type === 'saved') this.complete(id, message.sequence)
    const disk = this.disks.get(id)
    if (disk === undefined) return
    const content = message.type === 'snapshotTaken' ? withOwn(disk, server.snapshot, message.index) : disk.content
    const saves = outputs.filter((output) => output.type === 'save')
    const asked = outputs.flatMap((output) => (output.type === 'takeSnapshot' ? [output.snapshot] : []))
    if (content === disk.content && saves.length === 0 && asked.length === 0) return
    this.disks.set(id, { content, pending: [...disk.pending, ...saves], asked: [...disk.asked, ...asked] })
  }

  private complete(id: NodeId, sequence: number): void {
    const disk = this.disks.get(id)
    if (disk === undefined) return
    const done = disk.pending.filter((save) => save.sequence <= sequence)
    if (done.length === 0) return
    const pending = disk.pending.slice(done.length)
    this.disks.set(id, { ...disk, content: done.reduce(applySave, disk.content), pending })
  }

  /** How many of the saves under way are missing from what a recorded restart found; none where that cannot be told. */
  lostAt(node: NodeId, found: Restart): number {
    const disk = this.disks.get(node)
    if (disk === undefined) return 0
    let { content } = disk
    for (const [at, save] of [...disk.pending, null].entries()) {
      if (isLike(content, found)) return disk.pending.length - at
      if (save !== null) content = applySave(content, save)
    }
    return 0
  }

  /** A restart of the same kind from this disk; null where a state machine with a disk of its own would be needed. */
  restart(node: NodeId, recorded: Restart, lost: number): Start | null {
    const disk = this.disks.get(node)
    if (disk === undefined || recorded.lastApplied !== undefined) return null
    const survivors = disk.pending.slice(0, Math.max(0, disk.pending.length - lost))
    const { hardState, snapshot, log } = survivors.reduce(applySave, disk.content)
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

/** Who says that a snapshot is durable has written it; the server may have adopted a later one meanwhile. */
const withOwn = ({ content, asked }: Disk, known: SnapshotMeta, index: number): StoredImage => {
  const own = [known, ...asked].find(({ lastIncludedIndex }) => lastIncludedIndex === index)
  return own === undefined || index <= content.snapshot.lastIncludedIndex ? content : { ...content, snapshot: own }
}

const isLike = ({ hardState, log }: StoredImage, { hardState: found, base, snapshot, entries }: Restart): boolean => {
  const last = entries.at(-1) ?? base ?? { index: snapshot.lastIncludedIndex, term: snapshot.lastIncludedTerm }
  return (
    hardState.currentTerm === found.currentTerm &&
    hardState.votedFor === found.votedFor &&
    log.lastIndex === last.index &&
    log.lastTerm === last.term &&
    log.baseIndex === (base?.index ?? snapshot.lastIncludedIndex)
  )
}
