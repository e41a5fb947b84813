import { index, term, type Index, type NodeId } from '../../../src/core/ids.ts'
import type { AppendEntriesResponse } from '../../../src/core/rpc.ts'
import type { RaftState, Role } from '../../../src/core/state.ts'
import { World, n1, n2, type StepTaken } from './history.ts'

/** Five servers; n2 has been sent 'a', and its save, which promises to say so, is under way. */
export const promised = (): World => {
  const world = new World(5).elect(n1).propose(n1, 'a').write(n1).deliver(n1, n2)
  if (world.savesOf(n2).length !== 1) throw new Error('the test expects one save of n2 under way')
  world.mail = []
  return world
}

export const writes = ({ outputs }: StepTaken): boolean =>
  outputs.some((output) => output.type === 'save' && output.entries.length > 0)

export const matched = (role: Role, follower: NodeId, matchIndex: Index): Role => {
  if (role.type !== 'leader') throw new Error('the test expects a leader')
  return { ...role, progress: role.progress.map((each) => (each.id === follower ? { ...each, matchIndex } : each)) }
}

export const matchOf = ({ server }: RaftState, follower: NodeId): Index | undefined =>
  server.role.type === 'leader' ? server.role.progress.find(({ id }) => id === follower)?.matchIndex : undefined

/** n1 hears an acknowledgement of n2, of index 2 in term 1. */
export const acknowledgement: AppendEntriesResponse = {
  type: 'AppendEntriesResponse',
  term: term(1),
  success: true,
  matchIndex: index(2),
  round: 0,
}
