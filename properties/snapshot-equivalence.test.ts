import fc from 'fast-check'
import { expect, it } from 'vitest'
import { configurationOf } from '../src/core/membership/configuration.ts'
import type { Entry } from '../src/core/entry.ts'
import { index, nodeId, term, type Index, type Term } from '../src/core/ids.ts'
import type { Message } from '../src/core/message.ts'
import type { Output } from '../src/core/output.ts'
import { birthSnapshot, restart } from '../src/core/start.ts'
import type { RaftState } from '../src/core/state.ts'
import { step } from '../src/core/step.ts'
import { runs } from './harness/campaign.ts'

const [me, peer, other] = ['n1', 'n2', 'n3'].map((name) => nodeId(name)) as [never, never, never]
const configuration = configurationOf([me, peer, other])

const entryAt = (at: number, inTerm: number): Entry => ({
  type: 'command',
  index: index(at),
  term: term(inTerm),
  bytes: 8,
  command: at,
})

/** Terms of a log: each entry's step above the one before. */
const logs = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }), {
  minLength: 1,
  maxLength: 12,
  size: 'max',
})

const entriesFrom = (steps: readonly number[]): readonly Entry[] => {
  let at = 1
  return steps.map((up, offset) => entryAt(offset + 1, (at += up)))
}

/** What a peer may say, about any part of the log. */
const messages: fc.Arbitrary<Message> = fc.oneof(
  fc
    .record({
      prev: fc.nat(14),
      prevTerm: fc.nat(5),
      count: fc.nat(3),
      up: fc.nat(1),
      commit: fc.nat(16),
      at: fc.nat(9),
    })
    .map(({ prev, prevTerm, count, up, commit, at }): Message => {
      const current = 20 + at
      const entries = Array.from({ length: count }, (_, offset) => entryAt(prev + 1 + offset, prevTerm + up))
      return {
        type: 'receive',
        from: peer,
        rpc: {
          type: 'AppendEntries',
          term: term(current),
          leaderId: peer,
          prevLogIndex: index(prev),
          prevLogTerm: term(prevTerm),
          entries,
          leaderCommit: index(commit),
          round: 0,
        },
      }
    }),
  fc.record({ at: fc.nat(9), last: fc.nat(14), lastTerm: fc.nat(6) }).map(({ at, last, lastTerm }): Message => ({
    type: 'receive',
    from: other,
    rpc: {
      type: 'RequestVote',
      term: term(20 + at),
      candidateId: other,
      lastLogIndex: index(last),
      lastLogTerm: term(lastTerm),
    },
  })),
  fc.constant<Message>({ type: 'tick' }),
)

/** A leader never contradicts what is committed: up to there its messages say what the log says. */
const truthful = (message: Message, committed: Index, termOf: (at: Index) => Term): Message => {
  if (message.type !== 'receive' || message.rpc.type !== 'AppendEntries') return message
  const { prevLogIndex, prevLogTerm, entries } = message.rpc
  const rpc = {
    ...message.rpc,
    prevLogTerm: prevLogIndex <= committed ? termOf(prevLogIndex) : prevLogTerm,
    entries: entries.map((entry) => (entry.index <= committed ? entryAt(entry.index, termOf(entry.index)) : entry)),
  }
  return { ...message, rpc }
}

/** The answer to a hint may name a compacted index; only what both logs hold can be compared. */
const comparable = (output: Output, base: Index): unknown => {
  const text = JSON.stringify(output, (key, value: unknown) => {
    if (key === 'conflictIndex' && typeof value === 'number') return Math.max(value, base)
    return key === 'conflictTerm' || key === 'truncateFrom' ? null : value
  })
  return JSON.parse(text) as unknown
}

const visible = ({ server, log }: RaftState): unknown => {
  const { currentTerm, votedFor, role, commitIndex, applyingIndex, lastApplied, durableIndex, leaderId } = server
  const { lastIndex, lastTerm } = log
  return [
    currentTerm,
    votedFor,
    role,
    commitIndex,
    applyingIndex,
    lastApplied,
    durableIndex,
    leaderId,
    lastIndex,
    lastTerm,
  ]
}

it('a server that starts from a snapshot and the rest of the log does what one with the whole log does', () => {
  fc.assert(
    fc.property(logs, fc.nat(12), fc.nat(12), fc.array(messages, { maxLength: 12 }), (steps, cut, keep, inputs) => {
      const entries = entriesFrom(steps)
      const applied = index(cut % (entries.length + 1))
      const base = index(keep % (applied + 1))
      const termOf = (at: Index) => term(entries[at - 1]?.term ?? 0)
      const common = { id: me, hardState: { currentTerm: term(20), votedFor: null }, options: { preVote: false } }
      let whole = restart({ ...common, snapshot: birthSnapshot(configuration), entries, lastApplied: applied })
      let cutOff = restart({
        ...common,
        snapshot: {
          lastIncludedIndex: applied,
          lastIncludedTerm: termOf(applied),
          configuration,
          configurationIndex: index(0),
        },
        base: { index: base, term: termOf(base) },
        entries: entries.slice(base),
      })
      for (const input of inputs) {
        const message = truthful(input, applied, termOf)
        const [nextWhole, outputs] = step(whole, message)
        const [nextCut, cutOutputs] = step(cutOff, message)
        expect(cutOutputs.map((output) => comparable(output, base))).toEqual(
          outputs.map((output) => comparable(output, base)),
        )
        expect(visible(nextCut)).toEqual(visible(nextWhole))
        whole = nextWhole
        cutOff = nextCut
      }
    }),
    runs(1500),
  )
})
