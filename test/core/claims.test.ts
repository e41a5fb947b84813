import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, term } from '../../src/core/ids.ts'
import { checkState } from '../../src/core/invariants/state.ts'
import { checkTransition } from '../../src/core/invariants/transition.ts'
import type { Message, RequestId } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import type { Progress } from '../../src/core/progress.ts'
import type { Leader, RaftState, Server as ServerState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { Server, append, n1, n2, n3, snapshotAt } from './server.ts'

/* Claims about a leader's duties and about answers: each holds of a step that was taken, and fails once it is falsified. */

interface Taken {
  readonly before: RaftState
  readonly message: Message
  readonly after: RaftState
  readonly outputs: readonly Output[]
}

const taking = (server: Server, message: Message): Taken => {
  const before = server.state
  const [after, outputs] = step(before, message)
  return { before, message, after, outputs }
}

const sentenceOf = (check: () => void): string | null => {
  try {
    check()
    return null
  } catch (error) {
    if (error instanceof InvariantViolation) return error.claim
    throw error
  }
}

const verdictOn = ({ before, message, after, outputs }: Taken): string | null =>
  sentenceOf(() => checkTransition(before, message, after, outputs))

/** What is said of the step as it was, and of the falsified one. */
const verdicts = (taken: Taken, falsified: Partial<Taken>): readonly (string | null)[] => [
  verdictOn(taken),
  verdictOn({ ...taken, ...falsified }),
]

const withServer = (state: RaftState, changes: Partial<ServerState>): RaftState => ({
  ...state,
  server: { ...state.server, ...changes },
})

const leaderIn = ({ server: { role } }: RaftState): Leader => {
  if (role.type !== 'leader') throw new Error('nobody leads')
  return role
}

const withProgress = (state: RaftState, change: (progress: Progress) => Progress): RaftState => {
  const role = leaderIn(state)
  return withServer(state, { role: { ...role, progress: role.progress.map(change) } })
}

const without = (outputs: readonly Output[], type: Output['type']): readonly Output[] =>
  outputs.filter((output) => output.type !== type)

const only = (outputs: readonly Output[], type: Output['type']): readonly Output[] =>
  outputs.filter((output) => output.type === type)

const twice = (outputs: readonly Output[], type: Output['type']): readonly Output[] => [
  ...outputs,
  ...only(outputs, type),
]

const leading = (): Server => new Server([1], { heartbeatTicks: 1 }).lead()
const streaming = (): Server => leading().acknowledge(n2, 1).acknowledge(n3, 1).propose('x')
const NEWER: Message = {
  type: 'receive',
  from: n3,
  rpc: { type: 'RequestVoteResponse', term: term(9), voteGranted: false },
}
const REFUSED: Output = { type: 'refused', id: 'p', reason: 'busy', leader: n1 }

describe('a leader’s duties', () => {
  it.each<readonly [string, RaftState, (progress: Progress) => Progress]>([
    [
      'a probe with entries to send is sent',
      leading().propose('x').state,
      (progress) => (progress.mode === 'probe' ? { ...progress, paused: false, nextIndex: index(2) } : progress),
    ],
    [
      'what may be sent is sent',
      streaming().state,
      (progress) => (progress.mode === 'replicate' ? { ...progress, nextIndex: index(2), inflight: [] } : progress),
    ],
    [
      'what is sent and not acknowledged is under way',
      streaming().state,
      (progress) => (progress.mode === 'replicate' ? { ...progress, inflight: [] } : progress),
    ],
  ])('%s', (sentence, state, change) => {
    const falsified = withProgress(state, change)
    expect([sentenceOf(() => checkState(state)), sentenceOf(() => checkState(falsified))]).toEqual([null, sentence])
  })

  it('a round of heartbeats reaches everybody', () => {
    const taken = taking(leading(), { type: 'tick' })
    const outputs = taken.outputs.filter((output) => output.type !== 'send' || output.to !== n2)
    expect(verdicts(taken, { outputs })).toEqual([null, 'a round of heartbeats reaches out to every follower'])
  })

  it.each<Partial<ServerState>>([{ electionElapsedTicks: 1 }, { seed: leading().server.seed }])(
    'who led waits a whole timeout: not with %j',
    (changes) => {
      const taken = taking(leading(), NEWER)
      const after = withServer(taken.after, changes)
      expect(verdicts(taken, { after })).toEqual([null, 'who led waits a whole timeout'])
    },
  )
})

it('every election has a deadline of its own', () => {
  const server = new Server([1])
  const taken = taking(server, { type: 'campaign' })
  const after = withServer(taken.after, { seed: server.server.seed })
  expect(verdicts(taken, { after })).toEqual([null, 'every election has a deadline of its own'])
})

describe('a configuration', () => {
  const change = {
    type: 'configuration',
    index: index(2),
    term: term(1),
    bytes: 0,
    configuration: configurationOf([n1, n2]),
  } as const
  const taken = taking(new Server([1]), { type: 'receive', from: n2, rpc: append(1, [1, 1], [change]) })

  it('is in force as soon as it is appended', () => {
    const after = withServer(taken.after, { configurations: taken.before.server.configurations })
    const sentence = 'a configuration is in force as soon as it is appended (section 6)'
    expect(verdicts(taken, { after })).toEqual([null, sentence])
  })

  it('is the one in the log', () => {
    const [born] = taken.after.server.configurations
    const other = { index: change.index, configuration: configurationOf([n1, n3]) }
    const falsified = withServer(taken.after, { configurations: [born, other] })
    expect(sentenceOf(() => checkState(falsified))).toBe('a configuration in force is in the log')
  })
})

describe('every request is answered once, under its own id', () => {
  const leader = leading()
  const proposed = taking(leader, { type: 'propose', id: 'p', commands: ['x', 'y'] })
  const asked = taking(leader, { type: 'read', id: 7, mode: 'quorum' })
  const fallen = taking(leading().do({ type: 'read', id: 7, mode: 'quorum' }), NEWER)
  const followed = taking(new Server([1]), { type: 'propose', id: 'p', commands: ['x'] })
  const answered = 'a proposal is accepted or refused'
  const once = 'a read is answered once, or waits for its answer'
  const named = (outputs: readonly Output[], id: RequestId): readonly Output[] =>
    outputs.map((output) => ('id' in output ? { ...output, id } : output))

  it.each<readonly [string, string, Taken, readonly Output[]]>([
    ['a proposal not at all', answered, proposed, without(proposed.outputs, 'accepted')],
    ['a proposal twice', answered, proposed, twice(proposed.outputs, 'accepted')],
    ['a proposal under another id', answered, proposed, named(proposed.outputs, 'q')],
    ['a refused proposal under another id', answered, followed, named(followed.outputs, 'q')],
    ['a read that waits', once, asked, [...asked.outputs, { ...REFUSED, id: 7 }]],
    ['a read that nobody asked for', once, asked, [...asked.outputs, REFUSED]],
    ['a read not at all when its leader falls', once, fallen, without(fallen.outputs, 'refused')],
    ['a read under the id of another type', once, fallen, named(fallen.outputs, '7')],
  ])('%s', (_, sentence, taken, outputs) => {
    expect(verdicts(taken, { outputs })).toEqual([null, sentence])
  })

  it('a read whose id is another one while it waits', () => {
    const other = taking(leader, { type: 'read', id: 8, mode: 'quorum' })
    expect(verdicts(asked, { after: other.after })).toEqual([null, once])
  })

  it.each<readonly [string, readonly string[]]>([
    ['in another order', ['y', 'x']],
    ['one of them twice', ['x', 'x']],
  ])('an accepted proposal is in the log as it was proposed: not %s', (_, commands) => {
    const { after, outputs } = taking(leader, { type: 'propose', id: 'p', commands })
    expect(verdicts(proposed, { after, outputs })).toEqual([
      null,
      'the commands of a proposal are in the log, in order',
    ])
  })
})

describe('a transfer', () => {
  /** A leader whose log begins after 4 hears that a follower needs what came before. */
  const compacted = (): Server =>
    new Server([], {}, { snapshot: snapshotAt(4, 1), hardState: { currentTerm: term(1), votedFor: null } }).lead()
  const refusal = (leader: Server): Message => ({
    type: 'receive',
    from: n2,
    rpc: {
      type: 'AppendEntriesResponse',
      term: leader.server.currentTerm,
      success: false,
      rejectedIndex: index(4),
      conflictIndex: index(0),
      conflictTerm: term(0),
      round: 0,
    },
  })
  const leader = compacted()
  const begun = taking(leader, refusal(leader))
  const fallen = taking(compacted().do(refusal(leader)), NEWER)
  const ends = 'a transfer that is over is told to have ended, once'

  it.each<readonly [string, string, Taken, Partial<Taken>]>([
    ['ends unsaid', ends, fallen, { outputs: without(fallen.outputs, 'transferEnded') }],
    ['ends twice', ends, fallen, { outputs: twice(fallen.outputs, 'transferEnded') }],
    ['ends while it goes on', ends, begun, { outputs: [...begun.outputs, ...only(fallen.outputs, 'transferEnded')] }],
    [
      'waits for what nobody asked for',
      'an object that is waited for was asked for',
      begun,
      { outputs: without(begun.outputs, 'readObject') },
    ],
    [
      'asks for what it does not wait for',
      'an object that was asked for is waited for',
      begun,
      { after: withProgress(begun.after, (to) => (to.mode === 'snapshot' ? { ...to, reading: 'other' } : to)) },
    ],
  ])('%s', (_, sentence, taken, falsified) => {
    expect(verdicts(taken, falsified)).toEqual([null, sentence])
  })
})
