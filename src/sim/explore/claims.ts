import { invariant } from '../../core/assert.ts'
import type { NodeId } from '../../core/ids.ts'
import { entryAt, termAt } from '../../core/log/log.ts'
import type { Index } from '../../core/ids.ts'
import type { RaftState } from '../../core/state.ts'
import type { Ghost, ServerInWorld, World } from './world.ts'

/** Election Safety, over the whole history: at most one leader a term, ever (Figure 3). */
export const claimLeader = (ghost: Ghost, before: RaftState, after: RaftState): Ghost => {
  const { role, currentTerm, id } = after.server
  if (role.type !== 'leader' || (before.server.role.type === 'leader' && before.server.currentTerm === currentTerm))
    return ghost
  const led = ghost.leaders[currentTerm - 1] ?? null
  invariant(led === null || led === id, 'ElectionSafety: a term has one leader', { term: currentTerm, led, id })
  // A late leader of an older term owes nothing to what later terms have committed.
  for (const [at, { identity, inTerm }] of ghost.committed.entries())
    if (inTerm < currentTerm) claimHeld(after, at + 1, identity, 'LeaderCompleteness')
  const leaders: (NodeId | null)[] = [...ghost.leaders]
  while (leaders.length < currentTerm) leaders.push(null)
  leaders[currentTerm - 1] = id
  return { ...ghost, leaders }
}

/** State Machine Safety: what is committed at an index is never contradicted, by whomever (Figure 3). */
export const claimCommitted = (ghost: Ghost, { server, log }: RaftState): Ghost => {
  const { commitIndex } = server
  const known = ghost.committed
  const upTo = Math.min(known.length, commitIndex)
  for (let index = log.baseIndex + 1; index <= upTo; index++)
    claimHeld({ server, log }, index, known[index - 1]?.identity ?? '', 'StateMachineSafety')
  if (commitIndex <= known.length) return ghost
  const committed = [...known]
  for (let index = known.length + 1; index <= commitIndex; index++)
    committed.push({ identity: identityAt({ log }, index), inTerm: server.currentTerm })
  return { ...ghost, committed }
}

/** A read sees everything that was committed anywhere before it was asked (section 8). */
export const claimRead = ({ floors }: Ghost, id: unknown, index: number): void => {
  const floor = floors[Number(id)] ?? 0
  invariant(index >= floor, 'Linearizability: a read sees what was committed before it was asked', { index, floor })
}

/** The other half of State Machine Safety: a machine is in the state that the committed commands lead to. */
export const claimMachine = ({ committed }: Ghost, { raft, machine }: ServerInWorld): void => {
  const commands = committed.slice(0, raft.server.lastApplied).filter(({ identity }) => identity !== NO_COMMAND)
  const expected = commands.map(({ identity }) => `${identity},`)
  invariant(machine === expected.join(''), 'StateMachineSafety: machines apply what is committed', {
    id: raft.server.id,
    machine,
    committed: expected.join(''),
  })
}

const claimHeld = (
  { server, log }: Pick<RaftState, 'server' | 'log'>,
  index: number,
  identity: string,
  claim: string,
) => {
  if (index <= log.baseIndex) return
  const held = identityAt({ log }, index)
  invariant(held === identity, `${claim}: what is committed stays`, { id: server.id, index, held, committed: identity })
}

/** A command is the term it was proposed in: with the index that tells all entries apart. */
const identityAt = ({ log }: Pick<RaftState, 'log'>, index: number): string => {
  const entry = entryAt(log, index as Index)
  return entry?.type === 'command' ? JSON.stringify(entry.command) : NO_COMMAND
}

/** A blank entry, which a leader begins its term with. */
const NO_COMMAND = 'none'

/** What is claimed of the cluster as a whole, once a world is new. @throws InvariantViolation */
export const claimWorld = ({ servers, ghost }: World): void => {
  for (const [at, a] of servers.entries()) for (const b of servers.slice(at + 1)) claimLogsMatch(a, b)
  // In both directions: what a leader lacks when it is elected, and what is committed later by a leader of an earlier term.
  for (const { raft } of servers)
    if (raft.server.role.type === 'leader')
      for (const [at, { identity, inTerm }] of ghost.committed.entries())
        if (inTerm < raft.server.currentTerm) claimHeld(raft, at + 1, identity, 'LeaderCompleteness')
  const majority = Math.floor(servers.length / 2) + 1
  for (const [at, { identity }] of ghost.committed.entries()) {
    const holders = servers.filter((server) => holdsDurably(server, at + 1, identity)).length
    invariant(holders >= majority, 'QuorumDurability: what is committed is on a majority of disks', {
      index: at + 1,
      holders,
    })
  }
}

const holdsDurably = ({ disk }: ServerInWorld, index: number, identity: string): boolean =>
  index <= disk.log.baseIndex || identityAt(disk, index) === identity

/** Log Matching (Figure 3): where two logs have the same term at an index, they are the same up to it. */
const claimLogsMatch = ({ raft: { log: a, server } }: ServerInWorld, { raft: { log: b } }: ServerInWorld): void => {
  const from = Math.max(a.baseIndex, b.baseIndex)
  let isMatched = false
  for (let index = Math.min(a.lastIndex, b.lastIndex); index > from; index--) {
    const isSame = termAt(a, index as Index) === termAt(b, index as Index)
    invariant(isSame || !isMatched, 'LogMatching: logs that agree at an index agree before it', {
      id: server.id,
      index,
    })
    isMatched ||= isSame
  }
}
