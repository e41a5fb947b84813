import { describe, expect, it } from 'vitest'
import { checksum } from '../../src/core/checksum.ts'
import type { Options } from '../../src/core/config.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Save } from '../../src/core/output.ts'
import { chainDigest } from '../../src/core/snapshot/transfer.ts'
import { step } from '../../src/core/step.ts'
import { Dice } from '../../src/sim/dice.ts'
import { DurableState } from './durable-state.ts'
import { LAB_OPTIONS, make, type ApplyMessage, type LabRaft, type Reducer } from './lab-raft.ts'
import { ClientEnd, LabNetwork, type Request } from './network.ts'
import { Persister } from './persister.ts'
import { VirtualTime, type Script } from './virtual-time.ts'
import { forgetsVotes } from './mutants.ts'

/* The lab's interface: one server by itself, its disk, and what a peer is told. */

interface Made {
  readonly raft: LabRaft
  readonly time: VirtualTime
  readonly applied: ApplyMessage[]
  readonly persister: Persister
}

const makeOne = (
  size: number,
  persister = new Persister(),
  reduce: Reducer = step,
  options: Partial<Options> = {},
): Made => {
  const time = new VirtualTime()
  const network = new LabNetwork(time, new Dice('raft test', 1), size)
  const peers = Array.from({ length: size }, (_, to) => new ClientEnd(network, 0, to))
  const applied: ApplyMessage[] = []
  const raft = make(peers, 0, persister, (message) => applied.push(message), {
    time,
    seed: 1,
    firstTick: 0,
    reduce,
    checks: reduce === step,
    elected: () => undefined,
    options: { ...LAB_OPTIONS, ...options },
  })
  return { raft, time, applied, persister }
}

const sleep = ({ time }: Made, milliseconds: number): void => {
  const script = function* (): Script {
    yield milliseconds
  }
  time.run(script(), Infinity)
}

const voteRequest = (candidate: number): Request => ({
  type: 'RequestVote',
  term: term(5),
  candidateId: nodeId(String(candidate)),
  lastLogIndex: index(0),
  lastLogTerm: term(0),
})

const command = (at: number, of: number, text: string | number): Entry => ({
  type: 'command',
  index: index(at),
  term: term(of),
  bytes: 8,
  command: text,
})

const appendRequest = (prevLogIndex: number, entries: readonly Entry[], leaderCommit: number): Request => ({
  type: 'AppendEntries',
  term: term(5),
  leaderId: nodeId('1'),
  prevLogIndex: index(prevLogIndex),
  prevLogTerm: term(prevLogIndex === 0 ? 0 : 5),
  entries,
  leaderCommit: index(leaderCommit),
  round: 1,
})

const granted = (raft: LabRaft, candidate: number): boolean | null => {
  const reply = raft.dispatch(candidate, voteRequest(candidate))
  return reply?.type === 'RequestVoteResponse' ? reply.voteGranted : null
}

describe('a server of one', () => {
  it('leads, answers start() at once, and makes one proposal of what an instant started', () => {
    const one = makeOne(1)
    expect(one.raft.start('early')).toEqual({ index: -1, term: 0, isLeader: false })
    sleep(one, 1000)
    expect(one.raft.getState()).toEqual({ term: 1, isLeader: true })
    const started = ['a', 'b', 3].map((each) => one.raft.start(each))
    expect(started.map((each) => each.index)).toEqual([1, 2, 3])
    expect(one.applied).toEqual([])
    sleep(one, 0)
    expect(one.applied).toEqual([
      { commandValid: true, command: 'a', commandIndex: 1 },
      { commandValid: true, command: 'b', commandIndex: 2 },
      { commandValid: true, command: 3, commandIndex: 3 },
    ])
    expect(one.raft.start('d').index).toBe(4)
  })

  it('is silent once it is killed', () => {
    const one = makeOne(1)
    sleep(one, 1000)
    one.raft.start('lost')
    one.raft.kill()
    sleep(one, 1000)
    expect(one.applied).toEqual([])
    expect(one.raft.start('late').isLeader).toBe(false)
    expect(one.raft.getState().isLeader).toBe(false)
    expect(one.raft.dispatch(0, voteRequest(1))).toBeNull()
  })

  it('drops from its disk what a snapshot covers, and starts again behind it', () => {
    const one = makeOne(1)
    sleep(one, 1000)
    for (let at = 1; at <= 20; at++) one.raft.start(`command ${at}`)
    sleep(one, 0)
    const before = one.raft.persistBytes()
    one.raft.snapshot(18, 'state after 18')
    expect(one.raft.persistBytes()).toBeLessThan(before / 5)
    one.raft.snapshot(9, 'an older one')
    expect(() => one.raft.snapshot(21, 'of the future')).toThrow('no more than what was applied')
    expect(one.persister.readSnapshot()).toBe('state after 18')
    const again = makeOne(1, one.persister.copy())
    sleep(again, 1000)
    again.raft.start('one more')
    sleep(again, 0)
    expect(again.applied.map((each) => ('commandIndex' in each ? each.commandIndex : null))).toEqual([19, 20, 21])
    expect(again.persister.readSnapshot()).toBe('state after 18')
  })
})

describe('a follower', () => {
  it('replies to what it is asked, in the same call', () => {
    const { raft, applied } = makeOne(3)
    const reply = raft.dispatch(1, appendRequest(0, [command(1, 5, 'x'), command(2, 5, 'y')], 1))
    expect(reply).toMatchObject({ type: 'AppendEntriesResponse', success: true, matchIndex: 2 })
    expect(applied).toEqual([{ commandValid: true, command: 'x', commandIndex: 1 }])
  })

  it('takes a snapshot of one object: the reply says that it is installed, and the disk holds both halves', () => {
    const { raft, applied, persister } = makeOne(3)
    raft.dispatch(1, appendRequest(0, [command(1, 5, 'x')], 1))
    const reply = raft.dispatch(1, installRequest)
    expect(reply).toMatchObject({ type: 'InstallSnapshotResponse', status: 'installed', installedIndex: 9 })
    expect(applied.at(-1)).toEqual({ snapshotValid: true, snapshot: BLOB, snapshotTerm: 5, snapshotIndex: 9 })
    expect(persister.readSnapshot()).toBe(BLOB)
    expect(persister.readRaftState()).toBe('5 - 9 5 9 5')
  })

  it.each<[string, Partial<Options>]>([
    ['with PreVote', {}],
    ['by the paper alone', { preVote: false, checkQuorum: false }],
  ])('votes once a term, whatever crashes lie between, %s', (_, options) => {
    const first = makeOne(3, new Persister(), step, options)
    expect(granted(first.raft, 1)).toBe(true)
    const second = makeOne(3, first.persister.copy(), step, options)
    sleep(second, 320)
    expect(granted(second.raft, 2)).not.toBe(true)
  })

  it('would vote twice if it forgot its vote', () => {
    const options = { preVote: false, checkQuorum: false }
    const first = makeOne(3, new Persister(), forgetsVotes, options)
    expect(granted(first.raft, 1)).toBe(true)
    const second = makeOne(3, first.persister.copy(), forgetsVotes, options)
    expect(granted(second.raft, 2)).toBe(true)
  })
})

const BLOB = '[9,"the service\'s own"]'

const installRequest: Request = {
  type: 'InstallSnapshot',
  term: term(5),
  leaderId: nodeId('1'),
  transferId: 1,
  snapshot: {
    lastIncludedIndex: index(9),
    lastIncludedTerm: term(5),
    configuration: configurationOf([nodeId('0'), nodeId('1'), nodeId('2')]),
    configurationIndex: index(0),
  },
  startsOver: false,
  position: 0,
  objectId: 0,
  data: BLOB,
  checksum: checksum(BLOB),
  digest: chainDigest(0, 0, checksum(BLOB)),
  isLast: true,
}

describe('the disk', () => {
  const save = (part: Partial<Save>): Save => ({
    type: 'save',
    sequence: 1,
    hardState: null,
    truncateFrom: null,
    entries: [],
    snapshot: null,
    compactTo: null,
    lastIndex: index(0),
    then: [],
    ...part,
  })
  const configuration = configurationOf([nodeId('0')])

  it('is built from saves alone, and reads back as it was written', () => {
    const durable = DurableState.read(new Persister())
    const persister = new Persister()
    durable.carryOut(save({ hardState: { currentTerm: term(7), votedFor: nodeId('2') } }), '')
    durable.carryOut(save({ entries: [1, 2, 3, 4].map((at) => command(at, at, `line\n${at}`)) }), '')
    durable.carryOut(save({ truncateFrom: index(4), entries: [command(4, 6, 44), command(5, 7, 'five')] }), '')
    durable.carryOut(save({ compactTo: { index: index(2), term: term(2) } }), '')
    durable.takeSnapshot({ index: index(3), term: term(3) }, 'blob')
    durable.writeTo(persister)
    const remains = DurableState.read(persister).remains(configuration)
    expect(remains).toEqual(durable.remains(configuration))
    expect(remains.hardState).toEqual({ currentTerm: 7, votedFor: '2' })
    expect(remains.base).toEqual({ index: 2, term: 2 })
    expect(remains.snapshot).toMatchObject({ lastIncludedIndex: 3, lastIncludedTerm: 3 })
    expect(remains.entries.map((each) => [each.index, each.term])).toEqual([
      [3, 3],
      [4, 6],
      [5, 7],
    ])
    expect(remains.entries.map((each) => (each.type === 'command' ? each.command : null))).toEqual([
      'line\n3',
      44,
      'five',
    ])
    expect(DurableState.read(persister).snapshot).toBe('blob')
  })

  it('takes 80 commands of 53 bits in less than 2000 bytes', () => {
    const durable = DurableState.read(new Persister())
    const persister = new Persister()
    const entries = Array.from({ length: 80 }, (_, at) => command(at + 1, 100, Number.MAX_SAFE_INTEGER))
    durable.carryOut(save({ entries }), '')
    durable.writeTo(persister)
    expect(persister.raftStateSize()).toBeLessThan(2000)
    expect(persister.snapshotSize()).toBe(0)
  })

  it('of a crashed server takes no more writes', () => {
    const persister = new Persister()
    persister.save('old', 'state')
    const copy = persister.copy()
    persister.save('new', 'other')
    expect([copy.readRaftState(), copy.readSnapshot()]).toEqual(['old', 'state'])
  })
})
