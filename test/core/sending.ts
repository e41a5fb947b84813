import { INDEX_ZERO, index, term, type ObjectId } from '../../src/core/ids.ts'
import type { InstallSnapshotResponse } from '../../src/core/rpc.ts'
import { Server, n2, snapshotAt } from './server.ts'

/** A leader whose log begins after 4, with a follower that needs what came before. */
export const sending = (options = {}): Server => {
  const server = new Server(
    [],
    { snapshotObjectTimeoutTicks: 3, snapshotRetriesMax: 1, heartbeatTicks: 1, ...options },
    {
      snapshot: snapshotAt(4, 1),
      hardState: { currentTerm: term(1), votedFor: null },
    },
  ).lead()
  return answerAppend(server)
}

/** n2 answers an append: it has nothing. */
export const answerAppend = (server: Server): Server =>
  server.hear(n2, {
    type: 'AppendEntriesResponse',
    term: server.server.currentTerm,
    success: false,
    rejectedIndex: index(4),
    conflictIndex: INDEX_ZERO,
    conflictTerm: term(0),
    round: 0,
  })

export const transferOf = (server: Server) => {
  const progress = server.progressOf(n2)
  if (progress.mode !== 'snapshot') throw new Error('no transfer is under way')
  return progress
}

export const readOut = (server: Server, objectId: ObjectId, nextObjectId: ObjectId | null, data = 'data') =>
  server.do({ type: 'objectRead', to: n2, transferId: transferOf(server).transferId, objectId, data, nextObjectId })

/** n2 has kept all that was sent, and wants what comes next. */
export const caughtUp = (server: Server): Server => {
  const { nextObjectId, digest } = transferOf(server)
  return answer(server, { nextObjectId: nextObjectId ?? 0, digest })
}

/** The offer is taken: object 0 is kept, and the window is open at object 1. */
export const taken = (options = {}, data = 'data'): Server => caughtUp(readOut(sending(options), 0, 1, data))

export const answer = (server: Server, changes: Partial<InstallSnapshotResponse>) =>
  server.hear(n2, {
    type: 'InstallSnapshotResponse',
    term: server.server.currentTerm,
    transferId: changes.transferId ?? transferOf(server).transferId,
    status: 'wanted',
    nextObjectId: 0,
    digest: 0,
    installedIndex: INDEX_ZERO,
    ...changes,
  })
