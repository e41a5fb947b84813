import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../src/core/entry.ts'
import { index, term, type NodeId } from '../src/core/ids.ts'
import type { RequestId } from '../src/core/message.ts'
import { EMPTY_QUEUE, enqueue, type Queue } from '../src/core/queue.ts'
import type { StateMachine } from '../src/machine/machine.ts'
import { settle, type Pending } from '../src/machine/pending.ts'
import type { ReplicaOutput } from '../src/machine/replica-state.ts'
import { SimCluster } from '../src/sim/cluster/cluster.ts'

type Answer = Extract<ReplicaOutput<string>, { readonly type: 'completed' | 'lost' }>

/** Remembers every command, in order. */
const MEMORY: StateMachine<readonly string[], string, string> = {
  initial: [],
  apply: (state, commands) => [[...state, ...commands], commands],
  readObject: (state) => ({ data: JSON.stringify(state), next: null }),
  writeObject: (_, __, data) => ({ state: JSON.parse(data) as string[], next: null }),
}

type Step =
  | { readonly type: 'propose'; readonly commands: number }
  | { readonly type: 'isolate leader' | 'heal' }
  | { readonly type: 'campaign' | 'crash' | 'restart'; readonly node: number }
  | { readonly type: 'wait'; readonly by: number }

const node = fc.nat(2)
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ type: fc.constant('propose' as const), commands: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 5, arbitrary: fc.record({ type: fc.constant('wait' as const), by: fc.integer({ min: 1, max: 150 }) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('isolate leader' as const, 'heal' as const) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('campaign' as const), node }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('crash' as const, 'restart' as const), node }) },
  ),
  { minLength: 10, maxLength: 60 },
)

/** Three servers under a schedule; every step's proposal goes to all of them, and those that lead accept it. */
class Run {
  readonly answers = new Map<RequestId, Answer>()
  /** By proposal: its commands, the same in number and name, and the server that accepted it. */
  readonly proposals = new Map<RequestId, { readonly at: NodeId; readonly commands: readonly string[] }>()
  readonly accepted = new Set<RequestId>()
  private readonly cluster: SimCluster<readonly string[], string, string>
  private count = 0

  constructor(seed: number, noopOnElection: boolean, snapshots: boolean) {
    this.cluster = new SimCluster<readonly string[], string, string>({
      machine: MEMORY,
      size: 3,
      seed,
      options: {
        electionTimeoutTicks: 5,
        noopOnElection,
        // Messages and batches end within proposals.
        messageEntriesMax: 2,
        inflightMessagesMax: 1,
        applyEntriesMax: 3,
        snapshotEntries: snapshots ? 6 : 0,
        trailingEntries: 0,
      },
      onOutput: (id, output) => this.observe(id, output),
    })
  }

  do(step: Step): void {
    const { cluster } = this
    const leader = cluster.leader()
    switch (step.type) {
      case 'propose':
        return this.propose(step.commands)
      case 'isolate leader':
        if (leader !== null) cluster.partition([[leader], cluster.ids.filter((id) => id !== leader)])
        return
      case 'heal':
        return cluster.heal()
      case 'campaign':
        return cluster.submit(this.idAt(step.node), { type: 'campaign' })
      case 'crash':
        return this.crash(this.idAt(step.node))
      case 'restart':
        return cluster.restart(this.idAt(step.node))
      case 'wait':
        return cluster.advance(step.by)
    }
  }

  /** Everything is mended, and a last proposal commits what is left. */
  end(): void {
    for (const id of this.cluster.ids) this.cluster.restart(id)
    this.cluster.heal()
    this.cluster.advance(2_000)
    this.propose(1)
    this.cluster.advance(500)
  }

  states(): readonly (readonly string[])[] {
    return this.cluster.ids.map((id) => this.cluster.replica(id)?.machine ?? [])
  }

  private idAt(at: number): NodeId {
    return this.cluster.ids[at] ?? expect.fail('a server of the cluster')
  }

  private propose(count: number): void {
    for (const at of this.cluster.ids) {
      const id = `p${++this.count}`
      const commands = Array.from({ length: count }, (_, place) => `${id}.${place}`)
      this.proposals.set(id, { at, commands })
      this.cluster.submit(at, { type: 'propose', id, commands })
    }
  }

  /** What waits at a crash is never answered. */
  private crash(id: NodeId): void {
    this.cluster.crash(id)
    for (const [request, { at }] of this.proposals) if (at === id) this.accepted.delete(request)
  }

  private observe(id: NodeId, output: ReplicaOutput<string>): void {
    if (output.type === 'accepted') this.accepted.add(output.id)
    if (output.type !== 'completed' && output.type !== 'lost') return
    expect(this.answers.get(output.id), 'one answer').toBeUndefined()
    this.answers.set(output.id, output)
    if (output.type === 'completed') {
      const commands = this.proposals.get(output.id)?.commands ?? []
      expect(output.results).toEqual(commands)
      expect(this.cluster.replica(id)?.machine).toEqual(expect.arrayContaining([...commands]))
    }
  }
}

describe('a proposal that was accepted', () => {
  it('is answered once: completed where it is applied, overwritten where no server ever applies any of it', () => {
    const tally = { completed: 0, overwritten: 0, unknown: 0 }
    fc.assert(
      fc.property(fc.nat(), fc.boolean(), fc.boolean(), steps, (seed, noop, snapshots, schedule) => {
        const run = new Run(seed, noop, snapshots)
        for (const step of schedule) run.do(step)
        run.end()
        const applied = new Set(run.states().flat())
        for (const id of run.accepted) expect(run.answers.get(id), `${id} has an answer`).toBeDefined()
        for (const [id, answer] of run.answers) {
          const commands = run.proposals.get(id)?.commands ?? []
          const count = commands.filter((command) => applied.has(command)).length
          if (answer.type === 'completed') expect([id, count]).toEqual([id, commands.length])
          else if (answer.reason === 'overwritten') expect([id, count]).toEqual([id, 0])
          else if (!snapshots) expect([id, count > 0 && count < commands.length]).toEqual([id, true])
          tally[answer.type === 'completed' ? 'completed' : answer.reason]++
        }
      }),
      { numRuns: 150 },
    )
    expect(
      Object.values(tally).every((count) => count > 0),
      JSON.stringify(tally),
    ).toBe(true)
  })
})

interface Reign {
  /** Entries of the term that are committed, after what is committed of earlier terms. */
  readonly committed: number
  /** Where the server's own entries of the term begin, after the committed ones, if none of them is. */
  readonly gap: number
  /** Commands of the proposals that the server accepts in the term; 0: the server does not lead. */
  readonly proposals: readonly number[]
}

const reigns: fc.Arbitrary<readonly Reign[]> = fc.array(
  fc.record({
    committed: fc.nat(6),
    gap: fc.nat(6),
    proposals: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 6 },
)

/**
 * All proposals of a server over several terms, and the log that is committed in the end. In each term some of the
 * server's entries are committed, from the first on, or none; others are committed by whoever leads then.
 */
const historyOf = (all: readonly Reign[]) => {
  const committed: Entry[] = []
  const proposals: Pending<number>[] = []
  for (const [at, { committed: count, gap, proposals: sizes }] of all.entries()) {
    const inTerm = term(at + 1)
    const start = committed.length + 1
    let next = start + (count === 0 ? gap : 0)
    for (const size of sizes) {
      const firstIndex = index(next)
      proposals.push({
        id: proposals.length,
        firstIndex,
        lastIndex: index(next + size - 1),
        term: inTerm,
        nextIndex: firstIndex,
        results: [],
      })
      next += size
    }
    const own = next - start
    for (let place = 0; place < count; place++) {
      const common = { index: index(start + place), term: inTerm, bytes: 0 }
      // Behind its proposals, or in a term without any, stand blank entries.
      const isCommand = place < own && sizes.length > 0
      committed.push(isCommand ? { type: 'command', ...common, command: start + place } : { type: 'noop', ...common })
    }
  }
  return { committed, proposals }
}

describe('settle', () => {
  it('gives what the whole log says, however it is cut into batches', () => {
    fc.assert(
      fc.property(reigns, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), (all, cuts) => {
        const { committed, proposals } = historyOf(all)
        let pending: Queue<Pending<number>> = EMPTY_QUEUE
        for (const proposal of proposals) pending = enqueue(pending, proposal)
        const answers: unknown[] = []
        for (let from = 0, cut = 0; from < committed.length; cut++) {
          const batch = committed.slice(from, from + (cuts[cut % cuts.length] ?? 1))
          const results = batch.flatMap((entry) => (entry.type === 'command' ? [Number(entry.command)] : []))
          const [waiting, come] = settle(pending, batch, results)
          pending = waiting
          answers.push(...come)
          from += batch.length
        }
        const lastTerm = committed.at(-1)?.term ?? 0
        const expected = proposals.flatMap(({ id, firstIndex, lastIndex, term: inTerm }): unknown[] => {
          const own = committed.filter(
            (entry) => entry.index >= firstIndex && entry.index <= lastIndex && entry.term === inTerm,
          )
          if (own.length === lastIndex - firstIndex + 1)
            return [{ type: 'completed', id, firstIndex, results: own.map((entry) => Number(entry.index)) }]
          const isPassed = firstIndex + own.length <= committed.length || inTerm < lastTerm
          return isPassed ? [{ type: 'lost', id, reason: own.length === 0 ? 'overwritten' : 'unknown' }] : []
        })
        expect(answers).toEqual(expected)
      }),
      { numRuns: 2_000 },
    )
  })
})
