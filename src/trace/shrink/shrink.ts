import { configurationOf } from '../../core/membership/configuration.ts'
import type { NodeId } from '../../core/ids.ts'
import { endOf } from './cut.ts'
import { Budget, minimise } from './ddmin.ts'
import type { Header, Start, StepEvent, Trace } from '../format.ts'
import { plainerHeaders, withoutWaits } from './simplify.ts'
import { diskHistoriesOf, playSchedule, type DiskHistories } from './play.ts'
import { scheduleOf, type Found, type Item, type PlayOptions, type Played, type Schedule } from './schedule.ts'

export interface ShrinkOptions extends PlayOptions {
  /** How many schedules to play at most. Default 2,000. */
  readonly runs?: number
  /** Which violation to keep. Default: the same claim. */
  readonly isSame?: (found: Found, original: Found) => boolean
  readonly onProgress?: (progress: Progress) => void
  /** Asked before each of them, and now and then within; the smallest trace until then is the result. */
  readonly shouldStop?: () => boolean
}

export interface Progress {
  readonly runs: number
  readonly events: number
  readonly nodes: number
}

export type Shrunk =
  | {
      readonly type: 'shrunk'
      /** Ends with the violation; hashes and causes included. */
      readonly trace: Trace
      readonly found: Found
      readonly runs: number
      /** No single event can be left out. False where the runs, or the time, did not suffice to tell. */
      readonly isMinimal: boolean
      readonly before: Omit<Progress, 'runs'>
      readonly after: Omit<Progress, 'runs'>
    }
  /** The smallest trace does not break the claim by itself: a bug here, and no proof of anything. */
  | { readonly type: 'unconfirmed'; readonly found: Found }
  /** Nothing to keep: the checks find no violation in this trace. */
  | { readonly type: 'no violation' }
  /** There was no time to play the whole trace once. */
  | { readonly type: 'stopped' }

export const RUNS_DEFAULT = 2_000

/** Events above which a run is long: what is left of a robust violation is far below. */
const LONG = 512

/**
 * The smallest trace found that breaks the same claim: fewer nodes, then fewer events, then plainer messages, again and
 * again until nothing more goes. Deterministic: it is bounded in runs, and in time only by `shouldStop`.
 * @throws ImpossibleStart for a recorded start that makes no server
 */
export const shrink = (recorded: Trace, options: ShrinkOptions = {}): Shrunk => {
  const schedule = scheduleOf(recorded)
  const histories = diskHistoriesOf(schedule, { ...options, hashes: false })
  const original = playSchedule(schedule, { ...options, hashes: false }, histories)
  if (original.isStopped) return { type: 'stopped' }
  if (original.found === null) return { type: 'no violation' }
  const before = sizeOf({ header: schedule.header, items: schedule.items })
  const shrinker = new Shrinker(original, original.found, histories, options)
  shrinker.run()
  const { played, found, budget } = shrinker
  // To the end, however late it is: a result that was not played is none.
  const unhurried = { ...options, shouldStop: () => false }
  const { trace } = playSchedule({ header: played.trace.header, items: played.items }, unhurried, histories)
  // Once more, from nothing but the trace: that is what it will be taken for.
  const again = playSchedule(scheduleOf(trace), { ...unhurried, hashes: false }).found
  if (again?.claim !== found.claim) return { type: 'unconfirmed', found }
  return {
    type: 'shrunk',
    trace,
    found,
    runs: budget.runs,
    isMinimal: !budget.isSpent,
    before,
    after: sizeOf({ header: played.trace.header, items: played.items }),
  }
}

const sizeOf = ({ header, items }: Schedule): Omit<Progress, 'runs'> => ({
  events: items.length,
  nodes: header.nodes.length,
})

class Shrinker {
  played: Played
  found: Found
  readonly budget: Budget
  private readonly original: Found
  private readonly histories: DiskHistories
  private readonly options: ShrinkOptions

  constructor(played: Played, found: Found, histories: DiskHistories, options: ShrinkOptions) {
    this.played = played
    this.found = found
    this.original = found
    this.histories = histories
    this.options = options
    this.budget = new Budget(options.runs ?? RUNS_DEFAULT, options.shouldStop)
  }

  get header(): Header {
    return this.played.trace.header
  }

  run(): void {
    if (this.isLong) this.shorten()
    for (let before = ''; before !== this.measure() && !this.budget.isSpent;) {
      before = this.measure()
      this.dropNodes()
      this.dropWaits()
      this.dropEvents()
      this.simplify()
    }
    this.dropIdle()
  }

  private get isLong(): boolean {
    return this.played.items.length > LONG
  }

  /** A long run gets a share of the tries; where that is not enough, its end alone has to do. */
  private shorten(): void {
    const { budget } = this
    this.dropNodes()
    this.dropWaits()
    this.dropEvents(budget.part(Math.ceil((this.options.runs ?? RUNS_DEFAULT) / 5)))
    const { length } = this.played.items
    // SF compares objects with all that were sent, also before.
    if (this.original.check === 'SF') return
    for (let kept = LONG / 8; this.isLong && kept < length && !budget.isSpent; kept *= 2) this.cut(length - kept)
  }

  private cut(at: number): void {
    const { header, played, histories } = this
    const options = { ...this.options, hashes: false, local: false }
    const before = playSchedule({ header, items: played.items.slice(0, at) }, options, histories)
    const end = endOf(played, before, at)
    if (end !== null) this.attempt(end)
  }

  private measure(): string {
    const { header, played } = this
    const weight = played.items.reduce((sum, { event }) => sum + JSON.stringify(event).length, 0)
    return `${header.nodes.length} ${played.items.length} ${weight}`
  }

  /** The same violation in other circumstances, or null. What did not happen in them is left out. */
  private test(schedule: Schedule): Played | null {
    const played = playSchedule(schedule, { ...this.options, hashes: false }, this.histories)
    const { found } = played
    const isSame = this.options.isSame ?? ((one: Found, other: Found) => one.claim === other.claim)
    return found !== null && isSame(found, this.original) ? played : null
  }

  private accept(played: Played): void {
    this.played = played
    this.found = played.found ?? this.found
    const { runs } = this.budget
    this.options.onProgress?.({ runs, ...sizeOf({ header: this.header, items: played.items }) })
  }

  private attempt(schedule: Schedule): boolean {
    if (!this.budget.spend()) return false
    const played = this.test(schedule)
    if (played !== null) this.accept(played)
    return played !== null
  }

  private dropNodes(): void {
    const { nodes } = this.header
    // A cluster of one needs no network at all; from three to one no majority may be left on the way.
    if (nodes.length > 1) nodes.some((only) => this.dropMembers(nodes.filter((node) => node !== only)))
    for (const node of [...this.header.nodes].reverse()) {
      if (this.dropMembers([node])) continue
      const items = this.played.items.filter((item) => !concerns(item, [node]))
      if (items.length < this.played.items.length) this.attempt({ header: this.header, items })
    }
  }

  /**
   * Nodes that nothing happens to, left out where they matter as little as it seems: what such a node began with may be
   * part of the proof. Few runs, and never left undone: a trace of three events must not list a hundred servers.
   */
  private dropIdle(): void {
    const busy = new Set(this.played.items.flatMap(({ event }) => namesIn(event)))
    const idle = this.header.nodes.filter((node) => !busy.has(node))
    if (idle.length === 0 || this.dropStarts(idle) || idle.length === 1) return
    for (const node of idle) this.dropStarts([node])
  }

  private dropStarts(gone: readonly NodeId[]): boolean {
    const { header, played } = this
    const nodes = header.nodes.filter((node) => !gone.includes(node))
    const init = Object.fromEntries(Object.entries(header.init).filter(([name]) => !gone.some((node) => node === name)))
    const without = this.test({ header: { ...header, nodes, init }, items: played.items })
    if (without !== null) this.accept(without)
    return without !== null
  }

  /**
   * A smaller cluster, on every server alike: possible where every server was born in the run. What a restart found
   * says nothing of it then, as the disks are others.
   */
  private dropMembers(gone: readonly NodeId[]): boolean {
    const { header, played } = this
    const items = played.items.filter((item) => !concerns(item, gone)).map((item) => smallerItem(item, gone))
    const starts = Object.entries(header.init).filter(([name]) => !gone.some((node) => node === name))
    const smaller = starts.map(([name, start]): [string, Start] => [name, smallerStart(start, gone)])
    if (smaller.some(([, start]) => start.how !== 'birth')) return false
    if (items.some(({ event }) => event.t === 'fault' && event.kind === 'restart' && !(event.n in header.init)))
      return false
    const nodes = header.nodes.filter((node) => !gone.includes(node))
    return this.attempt({ header: { ...header, nodes, init: Object.fromEntries(smaller) }, items })
  }

  /** Time-outs take many ticks: another reason for the same comes cheaper, with simpler elections if need be. */
  private dropWaits(): void {
    const { header } = this
    for (const plain of [header, ...plainerHeaders(header)])
      for (const forgets of [false, true]) {
        const shorter = withoutWaits({ header: plain, items: this.played.items }, forgets)
        const isPlainer = plain !== header || shorter.items.length < this.played.items.length
        if (isPlainer && this.attempt(shorter)) return
      }
  }

  private dropEvents(budget = this.budget): void {
    const { header } = this
    const test = (items: readonly Item[]): Played | null => this.test({ header, items })
    const [, played] = minimise(this.played.items, this.played, test, budget, ({ items }) => items)
    this.accept(played)
  }

  /** One command where there were several, and that an empty one. */
  private simplify(): void {
    for (let at = 0; at < this.played.items.length; at++) {
      const item = this.played.items[at]
      if (item?.event.t !== 'in') continue
      for (const event of plainer(item.event)) {
        const items = this.played.items.with(at, { event, origin: item.origin })
        if (this.attempt({ header: this.header, items })) break
      }
    }
  }
}

/** Messages that say less; a campaign says what dozens of ticks lead to. */
const plainer = (event: StepEvent): readonly StepEvent[] => {
  const { m } = event
  if (m.type === 'tick') return [{ ...event, m: { type: 'campaign' } }]
  if (m.type !== 'propose') return []
  const versions = [[null], m.commands.slice(0, 1), m.commands.map(() => null)]
  const weight = JSON.stringify(m.commands).length
  return versions
    .filter((commands) => commands.length > 0 && JSON.stringify(commands).length < weight)
    .map((commands) => ({ ...event, m: { ...m, commands } }))
}

/** Whether it happens at one of the nodes, or tells of one. */
const concerns = ({ event }: Item, nodes: readonly NodeId[]): boolean =>
  namesIn(event).some((node) => nodes.includes(node)) ||
  (event.t === 'in' && event.m.type === 'receive' && nodes.includes(event.m.from))

const smallerItem = (item: Item, gone: readonly NodeId[]): Item =>
  item.event.t === 'fault' && item.event.kind === 'restart' && item.event.start.how === 'birth'
    ? { event: { ...item.event, start: smallerStart(item.event.start, gone) }, origin: null }
    : item

const smallerStart = (start: Start, gone: readonly NodeId[]): Start => {
  if (start.how !== 'birth') return start
  const without = (names: readonly NodeId[]): readonly NodeId[] => names.filter((name) => !gone.includes(name))
  const { configuration } = start
  const voters = without(configuration.voters)
  const outgoing = without(configuration.votersOutgoing)
  // A joint configuration of which only the old half is left is that half alone.
  const halves = voters.length === 0 ? ([outgoing, []] as const) : ([voters, outgoing] as const)
  return { ...start, configuration: configurationOf(halves[0], without(configuration.learners), halves[1]) }
}

const namesIn = (event: Item['event']): readonly NodeId[] => ('n' in event ? [event.n] : [])
