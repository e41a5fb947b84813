import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId, type NodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import { initial } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { Loop } from './loop.ts'
import { nanoseconds, row } from './measure.ts'

const COMMAND = 'x'.repeat(64)

/** One step of each kind, from a state and with a message that occur in a running cluster of three. */
export const benchSteps = (): readonly string[] => {
  const cases = stepsOf()
  return [
    'One step (ns), cluster of three, the same state each time',
    ...cases.map(([name, state, message]) =>
      row(
        name,
        nanoseconds(50_000, () => step(state, message)),
        'ns',
      ),
    ),
  ]
}

const stepsOf = (): readonly (readonly [string, RaftState, Message])[] => {
  const loop = new Loop(3, { snapshotEntries: 0 })
  const [first, second] = loop.members
  if (first === undefined || second === undefined) throw new Error('three members')
  loop.run(first, { type: 'campaign' })
  for (let at = 0; at < 200; at++) loop.run(first, { type: 'propose', id: at, commands: [COMMAND] })
  const leader = first.state
  const follower = second.state
  const [proposed, outputs] = step(leader, { type: 'propose', id: 'p', commands: [COMMAND] })
  const append = messageTo(outputs, second.id, first.id)
  const [appended, replies] = step(follower, append)
  const saved: Message = { type: 'saved', sequence: appended.server.saveSequence, lastIndex: appended.log.lastIndex }
  const acknowledgement = promisedTo(replies, first.id, second.id)
  const born = initial({ id: nodeId('n1'), configuration: configurationOf(['n1', 'n2', 'n3'].map(nodeId)) })
  return [
    ['tick, follower', follower, { type: 'tick' }],
    ['tick, leader with heartbeats to two', leader, { type: 'tick' }],
    ['propose, one command', leader, { type: 'propose', id: 0, commands: [COMMAND] }],
    ['propose, 64 commands', leader, { type: 'propose', id: 0, commands: Array<string>(64).fill(COMMAND) }],
    ['AppendEntries with one entry', follower, append],
    ['AppendEntries again (duplicate)', appended, append],
    ['saved, follower', appended, saved],
    ['AppendEntriesResponse that commits', withSaved(proposed), acknowledgement],
    ['applied', appliable(follower, append), { type: 'applied', index: appended.log.lastIndex }],
    ['campaign (pre-vote)', born, { type: 'campaign' }],
    ['read, begins a round', leader, { type: 'read', id: 0, mode: 'quorum' }],
  ]
}

const messageTo = (outputs: ReturnType<typeof step>[1], to: NodeId, from: NodeId): Message => {
  for (const output of outputs)
    if (output.type === 'send' && output.to === to) return { type: 'receive', from, rpc: output.rpc }
  throw new Error('nothing was sent')
}

const promisedTo = (outputs: ReturnType<typeof step>[1], to: NodeId, from: NodeId): Message => {
  for (const output of outputs)
    if (output.type === 'save')
      for (const { to: receiver, rpc } of output.then) if (receiver === to) return { type: 'receive', from, rpc }
  throw new Error('nothing was promised')
}

const withSaved = (state: RaftState): RaftState =>
  step(state, { type: 'saved', sequence: state.server.saveSequence, lastIndex: state.log.lastIndex })[0]

/** A follower that has handed out the entry of the message, told that it is committed. */
const appliable = (follower: RaftState, append: Message): RaftState => {
  if (append.type !== 'receive' || append.rpc.type !== 'AppendEntries') throw new Error('not an AppendEntries')
  const { rpc } = append
  const leaderCommit = rpc.entries[rpc.entries.length - 1]?.index ?? rpc.leaderCommit
  return withSaved(step(follower, { ...append, rpc: { ...rpc, leaderCommit } })[0])
}
