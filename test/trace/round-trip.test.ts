import type { Reducer } from '../../src/core/output.ts'
import { describe, expect, it } from 'vitest'
import { InvariantViolation, UsageError } from '../../src/core/assert.ts'
import { nodeId, type NodeId } from '../../src/core/ids.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Message } from '../../src/core/message.ts'
import { initial } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { encodeTrace } from '../../src/trace/encode.ts'
import { hashState } from '../../src/trace/hash.ts'
import { Recorder, recordingStep } from '../../src/trace/record.ts'
import { replay } from '../../src/trace/replay.ts'
import { birthOf, stateStart } from '../../src/trace/start.ts'
import { RecordedCluster } from './cluster.ts'
import { traceIn } from './support.ts'

const kindsIn = (text: string): ReadonlySet<string> =>
  new Set(
    traceIn(text).events.map((event) =>
      event.t !== 'in' ? event.t : event.m.type === 'receive' ? event.m.rpc.type : event.m.type,
    ),
  )

describe('a recorded cluster', () => {
  const SEEDS = [1, 2, 3, 4, 5, 6]

  it.each(SEEDS)('replays to the same states, seed %i', (seed) => {
    const cluster = new RecordedCluster({ seed, events: 1_500, hashEvery: 3 }).run()
    const states: RaftState[] = []
    const result = replay(traceIn(cluster.text), { claims: true, onStep: ({ after }) => states.push(after) })
    expect(result.ending).toEqual({ type: 'complete' })
    expect(result.steps).toBe(cluster.recorder.steps)
    expect(result.hashesCompared).toBeGreaterThan(result.steps / 3)
    expect(states.map(hashState)).toEqual(cluster.history.map(hashState))
    for (const { id, state } of cluster.members) expect(result.states.get(id) ?? null).toEqual(state)
  })

  it('is the same trace on every run, byte for byte', () => {
    const run = (): string => new RecordedCluster({ seed: 9, events: 1_500 }).run().text
    expect(run()).toBe(run())
  })

  it('is written again as it was read', () => {
    const { text } = new RecordedCluster({ seed: 5, events: 3_000 }).run()
    expect(encodeTrace(traceIn(text))).toBe(text)
  })

  it('meets what there is to meet', () => {
    const kinds = new Set(
      SEEDS.flatMap((seed) => [...kindsIn(new RecordedCluster({ seed, events: 3_000 }).run().text)]),
    )
    for (const kind of ['InstallSnapshot', 'objectRead', 'objectSaved', 'snapshotInstalled', 'fault', 'net', 'op'])
      expect(kinds).toContain(kind)
  })

  it('holds a snapshot object once, however often it crosses', () => {
    const { lines, text } = new RecordedCluster({ seed: 5, events: 3_000, objectChars: 5_000 }).run()
    const uses = lines.filter((line) => line.includes('"blob":'))
    expect(uses.length).toBeGreaterThan(3)
    expect(lines.filter((line) => line.startsWith('{"t":"blob"'))).toHaveLength(1)
    const objects = traceIn(text).events.flatMap((event) =>
      event.t === 'in' && event.m.type === 'objectRead' ? [event.m.data] : [],
    )
    expect(new Set(objects)).toEqual(new Set(['x'.repeat(5_000)]))
  })

  it.each(SEEDS)('begins in any state that somebody puts a server in, seed %i', (seed) => {
    const { history } = new RecordedCluster({ seed, events: 2_000 }).run()
    for (let at = 0; at < history.length; at += 7) {
      const state = history[at]
      if (state === undefined) throw new Error('a run has states')
      const { id } = state.server
      const lines: string[] = []
      const recorder = new Recorder({ nodes: [id], init: {} }, (line) => lines.push(line), { hashEvery: 1 })
      recorder.fault({ kind: 'restart', at: 0, n: id, start: stateStart(state) })
      recordingStep(recorder, () => 0)(state, { type: 'tick' })
      recorder.end()
      expect(replay(traceIn(lines.join('\n'))).ending).toEqual({ type: 'complete' })
    }
  })

  it('stops where it is told', () => {
    const cluster = new RecordedCluster({ seed: 5, events: 2_000 }).run()
    const result = replay(traceIn(cluster.text), { until: 100 })
    expect(result.steps).toBe(101)
    const [, last] = [...result.states].find(([id]) => id === lastNode(cluster, 100)) ?? []
    expect(last).toEqual(cluster.history[100])
  })
})

const lastNode = (cluster: RecordedCluster, i: number): NodeId | undefined => cluster.history[i]?.server.id

describe('every message', () => {
  const n1 = nodeId('n1')
  const n2 = nodeId('n2')
  const configuration = configurationOf([n1, n2])
  const birth = { id: n1, configuration }
  const MESSAGES: readonly unknown[] = [
    { type: 'tick' },
    { type: 'campaign' },
    { type: 'propose', id: 'a', commands: [null, 1.5, 0, 'x', [true], { ['__proto__']: 1, k: '\u2028\ud800' }] },
    { type: 'read', id: 1, mode: 'lease' },
    { type: 'snapshotFailed', index: 3, reason: 'full' },
    { type: 'objectReadFailed', to: 'n2', transferId: 1, reason: 'gone' },
    { type: 'objectRejected', transferId: 1, reason: 'damaged' },
    { type: 'receive', from: 'n2', rpc: { type: 'RequestPreVoteResponse', term: 9, voteGranted: true } },
    {
      type: 'receive',
      from: 'n2',
      rpc: {
        type: 'AppendEntries',
        term: 3,
        leaderId: 'n2',
        prevLogIndex: 0,
        prevLogTerm: 0,
        entries: [
          { type: 'noop', index: 1, term: 3, bytes: 0 },
          { type: 'configuration', index: 2, term: 3, bytes: 9, configuration },
          { type: 'command', index: 3, term: 3, bytes: 9, command: { a: [1, 'b'] } },
        ],
        leaderCommit: 0,
        round: 0,
      },
    },
    {
      type: 'receive',
      from: 'n2',
      rpc: {
        type: 'AppendEntriesResponse',
        term: 3,
        success: false,
        rejectedIndex: 1,
        conflictIndex: 0,
        conflictTerm: 0,
        round: 0,
      },
    },
  ]

  it('survives the trace', () => {
    const lines: string[] = []
    const recorder = new Recorder({ nodes: [n1], init: { n1: birthOf(birth) } }, (line) => lines.push(line), {
      hashEvery: 1,
    })
    const reduce = recordingStep(recorder, () => 0)
    let state = initial(birth)
    for (const message of MESSAGES as readonly Message[]) {
      const [next] = reduce(state, message)
      state = next
    }
    recorder.end()
    const result = replay(traceIn(lines.join('\n')))
    expect(result.ending).toEqual({ type: 'complete' })
    expect(result.states.get(n1)).toEqual(JSON.parse(JSON.stringify(state)))
  })

  it('that a reducer does not survive is recorded with the claim; one that is refused is not', () => {
    const lines: string[] = []
    const recorder = new Recorder({ nodes: [n1], init: { n1: birthOf(birth) } }, (line) => lines.push(line))
    const throwing =
      (error: Error): Reducer =>
      () => {
        throw error
      }
    const tick = { type: 'tick' } as const
    for (const error of [new UsageError('a misuse'), new InvariantViolation('a claim')])
      expect(() => recordingStep(recorder, () => 5, throwing(error))(initial(birth), tick)).toThrow(error)
    recorder.end()
    expect(traceIn(lines.join('\n')).events).toEqual([
      { t: 'in', i: 0, n: n1, at: 5, m: tick },
      { t: 'viol', at: 5, i: 0, n: n1, claim: 'a claim', detail: 'a claim' },
    ])
  })
})
