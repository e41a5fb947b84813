import type { Entry } from '../../src/core/entry.ts'
import { index, term, type Index, type Term } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Options } from '../../src/core/config.ts'
import type { HardState, Save } from '../../src/core/output.ts'
import type { InstallSnapshot, SnapshotMeta } from '../../src/core/rpc.ts'
import { birthSnapshot, restart } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { Server, THREE, command, logOfTerms, n1, n2, snapshotAt } from '../core/server.ts'
import { chunk, failure, snapshotAnswer } from '../paper/rpcs.ts'

/** Entries of [from, to], all of one term. */
export const commands = (from: number, to: number, inTerm: number): readonly Entry[] =>
  Array.from({ length: to - from + 1 }, (_, at) => command(from + at, inTerm))

/** A server whose saves are remembered, in order. */
export class Recorded extends Server {
  readonly saves: Save[] = []
  private readonly terms: readonly number[]

  constructor(terms: readonly number[], options: Partial<Options> = {}) {
    super(terms, options)
    this.terms = terms
  }

  override do(message: Message): this {
    super.do(message)
    this.saves.push(...this.outputOf('save'))
    return this
  }

  /** The server that starts from its disk when only so many of its saves have reached it. */
  afterCrash(survivors = this.saves.length): RaftState {
    let disk = bornDisk(this.terms)
    for (const save of this.saves.slice(0, survivors)) disk = written(disk, save)
    return restart({ id: n1, ...disk })
  }
}

interface Disk {
  readonly hardState: HardState
  readonly snapshot: SnapshotMeta
  readonly base: { readonly index: Index; readonly term: Term }
  readonly entries: readonly Entry[]
}

const bornDisk = (terms: readonly number[]): Disk => ({
  hardState: { currentTerm: term(Math.max(0, ...terms)), votedFor: null },
  snapshot: birthSnapshot(THREE),
  base: { index: index(0), term: term(0) },
  entries: logOfTerms(...terms),
})

/** In the order that Save prescribes. Entries that would leave a hole are a mistake of the server's. */
const written = (disk: Disk, save: Save): Disk => {
  const kept = disk.entries.filter((entry) => entry.index < (save.truncateFrom ?? Infinity))
  for (const [at, entry] of save.entries.entries())
    if (entry.index !== disk.base.index + kept.length + at + 1) throw new Error(`entry ${entry.index} leaves a hole`)
  const base = save.compactTo ?? disk.base
  return {
    hardState: save.hardState ?? disk.hardState,
    snapshot: save.snapshot ?? disk.snapshot,
    base,
    entries: [...kept, ...save.entries].filter((entry) => entry.index > base.index),
  }
}

/** Takes the three objects of a snapshot at 5 in term 2, and is told to put it in force. */
export const receiveAll = <S extends Server>(server: S, changes: Partial<InstallSnapshot> = {}): S => {
  const { transferId = 1, leaderId = n2 } = changes
  for (const at of [0, 1, 2] as const)
    server
      .hear(leaderId, chunk(at, changes))
      .do({ type: 'objectSaved', transferId, objectId: at, nextObjectId: at + 1 })
  return server
}

export const install = <S extends Server>(server: S, transferId = 1): S =>
  server.do({ type: 'snapshotInstalled', transferId })

/** Leads term 2 with a snapshot at 8; entries 5 to 8 trail behind it, so that its log begins after 4. */
export const leader = (options: Partial<Options> = {}): Server =>
  new Server([], options, {
    snapshot: snapshotAt(8, 1),
    base: { index: index(4), term: term(1) },
    entries: commands(5, 8, 1),
    hardState: { currentTerm: term(1), votedFor: null },
  }).lead()

/** n2 knows nothing: the leader begins a transfer to it. */
export const begin = (server: Server): Server => server.hear(n2, failure(2, server.state.log.lastIndex, [0, 0]))

export const transferOf = (server: Server) => {
  const progress = server.progressOf(n2)
  if (progress.mode !== 'snapshot') throw new Error('no transfer is under way')
  return progress
}

export const read = (server: Server, objectId: number, nextObjectId: number | null): Server => {
  const { transferId } = transferOf(server)
  return server.do({ type: 'objectRead', to: n2, transferId, objectId, data: `object ${objectId}`, nextObjectId })
}

/** n2 has taken the offer: it wants the object after the first. */
export const taken = (server: Server): Server => {
  const { transferId, digest, nextObjectId } = transferOf(server)
  if (nextObjectId === null) throw new Error('there is no more')
  return server.hear(n2, snapshotAnswer(2, { transferId, digest, nextObjectId }))
}
