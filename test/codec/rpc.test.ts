import { describe, expect, it } from 'vitest'
import { decodeRpc } from '../../src/codec/rpc.ts'

const configuration = { voters: ['n0', 'n1'], votersOutgoing: ['n0'], learners: ['n2'] }

const append = {
  type: 'AppendEntries',
  term: 3,
  leaderId: 'n0',
  prevLogIndex: 4,
  prevLogTerm: 2,
  entries: [
    { type: 'noop', index: 5, term: 3, bytes: 0 },
    { type: 'command', index: 6, term: 3, bytes: 4, command: null },
    { type: 'configuration', index: 7, term: 3, bytes: 20, configuration },
  ],
  leaderCommit: 4,
  round: 9,
}

const install = {
  type: 'InstallSnapshot',
  term: 3,
  leaderId: 'n0',
  transferId: 1,
  snapshot: { lastIncludedIndex: 8, lastIncludedTerm: 3, configuration, configurationIndex: 7 },
  startsOver: false,
  position: 3,
  objectId: 'k/1',
  data: '',
  checksum: 0,
  digest: 4_294_967_295,
  isLast: false,
}

const failure = {
  type: 'AppendEntriesResponse',
  term: 3,
  success: false,
  rejectedIndex: 4,
  conflictIndex: 2,
  conflictTerm: 1,
  round: 9,
}

const vote = { type: 'RequestVote', term: 1, candidateId: 'n1', lastLogIndex: 0, lastLogTerm: 0 }

const installed = {
  type: 'InstallSnapshotResponse',
  term: 3,
  transferId: 1,
  status: 'installed',
  nextObjectId: 0,
  digest: 0,
  installedIndex: 8,
}

describe('what is in order', () => {
  it.each([
    append,
    install,
    failure,
    vote,
    installed,
    { ...vote, type: 'RequestPreVote' },
    { type: 'RequestVoteResponse', term: 1, voteGranted: true },
    { type: 'RequestPreVoteResponse', term: 1, voteGranted: false },
    { type: 'AppendEntriesResponse', term: 3, success: true, matchIndex: 7, round: 9 },
  ])('passes: $type', (rpc) => {
    expect(decodeRpc(rpc)).toEqual({ rpc })
  })

  it.each([
    { type: 'RequestPreVoteResponse', term: 3, voteGranted: true, question: 7 },
    { ...failure, silenceTicks: 10 },
  ])('keeps what a peer may leave out: %j', (rpc) => {
    expect(decodeRpc(rpc)).toEqual({ rpc })
  })

  it('loses the fields of a later version', () => {
    const [noop, ...others] = append.entries
    const later = { ...append, lease: 1, entries: [{ ...noop, checksum: 7 }, ...others] }
    expect(decodeRpc(later)).toEqual({ rpc: append })
    expect(decodeRpc({ ...failure, matchIndex: 4 })).toEqual({ rpc: failure })
  })
})

describe('what is not is named, with the way to it', () => {
  const withEntry = (entry: unknown): unknown => ({ ...append, entries: [...append.entries, entry] })
  const withConfiguration = (names: object): unknown =>
    withEntry({ ...append.entries[2], configuration: { ...configuration, ...names } })

  it.each<[string, unknown, string]>([
    ['null', null, 'rpc is not an object'],
    ['an array', [append], 'rpc is not an object'],
    ['no type', {}, 'rpc.type is missing'],
    ['a name of Object.prototype', { type: 'constructor' }, 'rpc.type "constructor" is not known'],
    ['a negative term', { ...vote, term: -1 }, 'rpc.term is not a whole number, 0 or more'],
    ['a term in text', { ...vote, term: '1' }, 'rpc.term is not a whole number, 0 or more'],
    ['a term out of range', { ...vote, term: 2 ** 53 }, 'rpc.term is not a whole number, 0 or more'],
    ['half an index', { ...vote, lastLogIndex: 0.5 }, 'rpc.lastLogIndex is not a whole number, 0 or more'],
    ['a nameless candidate', { ...vote, candidateId: '' }, 'rpc.candidateId is not a non-empty string'],
    ['entries that are none', { ...append, entries: { length: 1 } }, 'rpc.entries is not an array'],
    ['no entry', withEntry(null), 'rpc.entries[3] is not an object'],
    ['an unknown entry', withEntry({ type: 'x', index: 8, term: 3, bytes: 0 }), 'rpc.entries[3].type "x" is not known'],
    ['no command', withEntry({ type: 'command', index: 8, term: 3, bytes: 0 }), 'rpc.entries[3].command is missing'],
    ['an entry without term', withEntry({ type: 'noop', index: 8, bytes: 0 }), 'rpc.entries[3].term is missing'],
    [
      'unsorted voters',
      withConfiguration({ voters: ['n1', 'n0'] }),
      'rpc.entries[3].configuration.voters is not sorted',
    ],
    ['a voter twice', withConfiguration({ voters: ['n0', 'n0'] }), 'rpc.entries[3].configuration.voters is not sorted'],
    ['a learner with a vote', withConfiguration({ learners: ['n1'] }), 'rpc.entries[3].configuration.learners names a'],
    [
      'a nameless voter',
      withConfiguration({ voters: ['n0', 7] }),
      'rpc.entries[3].configuration.voters[1] is not a non',
    ],
    ['neither success nor failure', { ...failure, success: 1 }, 'rpc.success is not true or false'],
    ['a success without a match', { ...failure, success: true }, 'rpc.matchIndex is missing'],
    ['an unknown status', { ...installed, status: 'done' }, 'rpc.status is not wanted, saving, installing, installed'],
    [
      'a joint configuration without new voters',
      withConfiguration({ voters: [] }),
      'rpc.entries[3].configuration.voters is empty beside votersOutgoing',
    ],
    ['a silence of no length', { ...failure, silenceTicks: null }, 'rpc.silenceTicks is not a whole number'],
    ['an object without a name', { ...install, objectId: null }, 'rpc.objectId is not a number or a string'],
    ['bytes for text', { ...install, data: [1] }, 'rpc.data is not a string'],
    [
      'a configuration from after the snapshot',
      { ...install, snapshot: { ...install.snapshot, configurationIndex: 9 } },
      'rpc.snapshot.configurationIndex is above lastIncludedIndex',
    ],
  ])('%s', (_, value, error) => {
    expect(decodeRpc(value)).toEqual({ error: expect.stringContaining(error) as string })
  })
})
