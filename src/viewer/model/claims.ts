import { InvariantViolation } from '../../core/assert.ts'
import { checkState } from '../../core/invariants/state.ts'
import { checkTransition } from '../../core/invariants/transition.ts'
import { CLAIMS, Ghost, checkOf, type CheckName } from '../../trace/checker/index.ts'
import { hasHashes } from '../../trace/format.ts'
import { hashState, hashStep } from '../../trace/hash.ts'
import type { Timeline } from './timeline.ts'
import { brief } from './text.ts'

/** A claim that broke, in words. Plain data. */
export interface Broken {
  readonly at: number
  readonly code: CheckName | 'DIVERGED'
  /** The claim as the catalogue has it. */
  readonly claim: string
  /** What was found instead. */
  readonly sentence: string
  readonly facts: readonly (readonly [string, string])[]
  /** Nodes and an index that the facts speak of, to be pointed at. */
  readonly nodes: readonly string[]
  readonly index: number | null
  /** What it means, for somebody who reads Raft's paper. */
  readonly meaning: string
}

const MEANINGS: Partial<Record<CheckName | 'DIVERGED', string>> = {
  ES: 'Two servers led in one term. Then both can commit entries of their own at the same index. Figure 3; section 5.2 rests it on one vote a term and on majorities that overlap.',
  VO: 'A server gave its vote twice in one term, or to a candidate whose log is behind its own. Votes have to be on disk before they are given (sections 5.2 and 5.4.1).',
  LAO: 'A leader may append to its log and nothing else (section 5.3).',
  LM: 'Two logs hold the same term at an index and yet differ at or before it. AppendEntries checks what precedes so that this cannot happen (section 5.3).',
  LC: 'A leader lacks an entry that was committed before its term. The election restriction exists to prevent it (section 5.4.1).',
  SMS: 'Two servers committed or applied different entries at one index: clients have been told different histories (Figure 3).',
  CNT: 'An entry that was committed has been overwritten: an acknowledged write is lost.',
  QD: 'An entry was called committed while fewer than a majority had it on disk: a crash can lose it (thesis 3.8, 10.2.1).',
  PBS: 'A message that promises something left before the promise was on disk: after a crash the server breaks its word (thesis 3.8).',
  MT: 'A leader counts entries that its follower does not have on disk.',
  READ: 'A read was granted at an index below what had been committed before it was asked: it may return stale data (section 8).',
  SF: 'A snapshot is not the state that the committed entries make (section 7).',
  CFG: 'A server acts on another configuration than the latest in its log (section 6).',
  AIO: 'A state machine was given an entry twice, out of order, or not at all.',
  MON: 'A term, commitIndex, lastApplied or snapshot went back.',
  STR: 'Entries do not follow one another.',
  STEP: 'One step, looked at by itself, breaks a rule that holds of every step of a correct server.',
  DIVERGED:
    'The reducer in this page gives something else than the recorded one did: it is another version, or the trace was made with a changed reducer.',
}

/** The recorded claim has no short name: the closest are those of single steps. */
export const brokenRecorded = (timeline: Timeline, at: number): Broken | null => {
  const event = timeline.trace.events[at]
  if (event?.t !== 'viol') return null
  const where = timeline.eventOfStep.at(event.i)
  const text = event.detail ?? event.claim
  return {
    at: where === -1 ? at : where,
    code: 'STEP',
    claim: event.claim,
    sentence: text,
    facts: [],
    nodes: event.n === undefined ? timeline.nodes.filter((node) => text.includes(`"${node}"`)) : [event.n],
    index: indexIn(text),
    meaning: '',
  }
}

const indexIn = (text: string): number | null => {
  const found = /\bindex[=:"\s]+(\d+)/.exec(text)
  return found === null ? null : Number(found[1])
}

const brokenBy = (timeline: Timeline, at: number, error: InvariantViolation): Broken => {
  const code = checkOf(error)
  const facts = Object.entries(error.context).map(([name, value]) => [name, brief(value, 400)] as const)
  const text = JSON.stringify(error.context)
  const event = timeline.trace.events[at]
  const own = event !== undefined && 'n' in event && event.n !== undefined ? [event.n] : []
  const named = timeline.nodes.filter((node) => text.includes(`"${node}"`))
  return {
    at,
    code,
    claim: CLAIMS[code],
    sentence: error.claim,
    facts,
    nodes: [...new Set([...own, ...named])],
    index: indexIn(facts.map(([name, value]) => `${name}=${value}`).join(' ')),
    meaning: MEANINGS[code] ?? '',
  }
}

/** Checks every claim and every recorded hash, some events at a time, after the trace can be looked at already. */
export class ClaimRun {
  private readonly timeline: Timeline
  private ghost = new Ghost({ isRead: true })
  private next = -1
  hashes = 0
  found: Broken | null = null

  constructor(timeline: Timeline) {
    this.timeline = timeline
  }

  /** Events checked so far. */
  get checked(): number {
    return Math.max(0, this.next)
  }

  get isDone(): boolean {
    return this.found !== null || this.next >= this.timeline.length
  }

  advance(count: number): void {
    const { timeline } = this
    if (this.next === -1) {
      this.next = 0
      for (const state of timeline.births) if (state !== null) this.attempt(0, () => this.ghost.start(state))
    }
    const end = Math.min(timeline.length, this.next + count)
    while (this.next < end && this.found === null) {
      const at = this.next++
      this.attempt(at, () => this.check(at))
    }
    if (this.next >= timeline.length && this.found === null) this.end()
  }

  private attempt(at: number, check: () => void): void {
    try {
      check()
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      this.found = brokenBy(this.timeline, at, error)
    }
  }

  private check(at: number): void {
    const { timeline } = this
    const event = timeline.trace.events[at]
    if (event?.t === 'fault' && event.kind === 'crash') this.ghost.crash(event.n)
    if (event?.t === 'fault' && event.kind === 'restart') {
      const states = timeline.statesAt(at)
      // Nothing that was known holds of a state that was put in place by hand.
      if (event.start.how === 'state')
        this.ghost = Ghost.of(
          states.filter((state) => state !== null),
          { isRead: true },
        )
      else {
        const state = states[timeline.placeOf(event.n)] ?? null
        if (state !== null) this.ghost.start(state)
      }
    }
    const taken = timeline.takenAt(at)
    if (taken === null) return
    const { before, after, outputs } = taken
    const { h, m, i } = taken.event
    if (h !== undefined && hasHashes(timeline.trace.header)) {
      this.hashes++
      const got = hashStep(after, outputs)
      if (got !== h) return this.diverged(at, taken.event.n, h, got)
    }
    checkState(after)
    checkTransition(before, m, after, outputs)
    this.ghost.step(before, m, after, outputs, taken.event.src === undefined ? { i } : { i, src: taken.event.src })
  }

  private diverged(at: number, node: string, expected: string, got: string): void {
    this.found = {
      at,
      code: 'DIVERGED',
      claim: 'the same messages give the same states',
      sentence: 'the replay in this page diverges from the recorded run',
      facts: [
        ['recorded hash', expected],
        ['hash here', got],
      ],
      nodes: [node],
      index: null,
      meaning: MEANINGS.DIVERGED ?? '',
    }
  }

  private end(): void {
    const { timeline } = this
    const { end } = timeline.trace
    if (end === null || timeline.halt !== null || !hasHashes(timeline.trace.header)) return
    for (const state of timeline.statesAt(timeline.length - 1)) {
      if (state === null) continue
      const expected = Object.hasOwn(end.h, state.server.id) ? end.h[state.server.id] : undefined
      this.hashes++
      const got = hashState(state)
      if (expected !== got) return this.diverged(timeline.length - 1, state.server.id, expected ?? 'not running', got)
    }
  }
}
