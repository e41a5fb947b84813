import { INDEX_ZERO } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { quorumIndex } from '../../src/core/membership/quorum.ts'
import type { Rpc } from '../../src/core/rpc.ts'
import { step } from '../../src/core/step.ts'
import type { RaftState } from '../../src/core/state.ts'
import type { Reducer } from './lab-raft.ts'

/* Rafts that are broken on purpose: what goes into the core, or what comes out of it, is not what it should be. */

/** Changes messages on their way in; null loses one. */
const hearing =
  (change: (message: Message, state: RaftState) => Message | null): Reducer =>
  (state, message) => {
    const changed = change(message, state)
    return changed === null ? [state, []] : step(state, changed)
  }

const hearingRpc = (change: (rpc: Rpc) => Rpc): Reducer =>
  hearing((message) => (message.type === 'receive' ? { ...message, rpc: change(message.rpc) } : message))

/** Changes outputs on their way out. */
const saying =
  (change: (output: Output, state: RaftState) => readonly Output[]): Reducer =>
  (state, message) => {
    const [next, outputs] = step(state, message)
    return [next, outputs.flatMap((output) => change(output, next))]
  }

/** Followers take whatever they are sent for committed. */
export const appliesUncommitted: Reducer = hearingRpc((rpc) =>
  rpc.type === 'AppendEntries' ? { ...rpc, leaderCommit: rpc.entries.at(-1)?.index ?? rpc.leaderCommit } : rpc,
)

/** One server applies values that nobody proposed. */
export const appliesWrongValues: Reducer = saying((output, { server }) => {
  if (output.type !== 'apply' || server.id !== '1') return [output]
  const entries = output.entries.map((entry) =>
    entry.type === 'command' ? { ...entry, command: `not ${JSON.stringify(entry.command)}` } : entry,
  )
  return [{ ...output, entries }]
})

/** The second entry is lost on its way to the service. */
export const skipsEntries: Reducer = saying((output) =>
  output.type === 'apply' && output.entries.some(({ index }) => index === 2)
    ? [{ ...output, entries: output.entries.filter(({ index }) => index !== 2) }]
    : [output],
)

/** A restarted server may vote twice in a term. */
export const forgetsVotes: Reducer = saying((output) =>
  output.type === 'save' && output.hardState !== null
    ? [{ ...output, hardState: { ...output.hardState, votedFor: null } }]
    : [output],
)

/** A restarted server remembers its term, but no entry. */
export const forgetsEntries: Reducer = saying((output) =>
  output.type === 'save' ? [{ ...output, entries: [] }] : [output],
)

/** Grants every vote without a look at its own term, and hears no leader: everybody wins term 1. */
export const everybodyWins: Reducer = (state, message) => {
  if (message.type !== 'receive') return step(state, message)
  const { from: to, rpc } = message
  if (rpc.type === 'AppendEntries') return [state, []]
  const yes = { term: rpc.term, voteGranted: true } as const
  if (rpc.type === 'RequestPreVote')
    return [state, [{ type: 'send', to, rpc: { type: 'RequestPreVoteResponse', ...yes } }]]
  if (rpc.type === 'RequestVote') return [state, [{ type: 'send', to, rpc: { type: 'RequestVoteResponse', ...yes } }]]
  return step(state, message)
}

/** Votes for whoever asks first, however stale its log. */
export const ignoresLogs: Reducer = hearingRpc((rpc) =>
  rpc.type === 'RequestVote' || rpc.type === 'RequestPreVote'
    ? { ...rpc, lastLogTerm: rpc.term, lastLogIndex: Number.MAX_SAFE_INTEGER as typeof rpc.lastLogIndex }
    : rpc,
)

/** Nobody ever campaigns. */
export const neverCampaigns: Reducer = hearing((message, { server }) =>
  message.type === 'tick' && server.role.type !== 'leader' ? null : message,
)

/** Every message with entries is sent twice. */
export const sendsTwice: Reducer = saying((output) =>
  output.type === 'send' && output.rpc.type === 'AppendEntries' && output.rpc.entries.length > 0
    ? [output, output]
    : [output],
)

/** The log is never compacted. */
export const keepsEverything: Reducer = hearing((message) => (message.type === 'snapshotTaken' ? null : message))

/** A received snapshot is never put in force. */
export const installsNothing: Reducer = saying((output) => (output.type === 'installSnapshot' ? [] : [output]))

/** A leader keeps leading, whatever newer term it hears of. */
export const neverStepsDown: Reducer = hearing((message, { server }) =>
  message.type === 'receive' && server.role.type === 'leader' && message.rpc.term > server.currentTerm ? null : message,
)

/** Commits entries of earlier terms by counting: what section 5.4.2 and figure 8 forbid. */
export const countsOldTerms: Reducer = (state, message) => {
  const [next, outputs] = step(state, message)
  const { server } = next
  if (server.role.type !== 'leader') return [next, outputs]
  const { progress } = server.role
  const { configuration } = server.configurations[0]
  const commitIndex = quorumIndex(configuration, (voter) =>
    voter === server.id ? server.durableIndex : (progress.find(({ id }) => id === voter)?.matchIndex ?? INDEX_ZERO),
  )
  return [commitIndex > server.commitIndex ? { ...next, server: { ...server, commitIndex } } : next, outputs]
}
