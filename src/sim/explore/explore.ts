import { InvariantViolation, UsageError } from '../../core/assert.ts'
import type { Options } from '../../core/config.ts'
import { step as coreStep } from '../../core/step.ts'
import { DEFAULT_BOUNDS, actionsIn, describeAction, type Action, type Bounds } from './action.ts'
import { claimWorld } from './claims.ts'
import { Fingerprints } from './fingerprint.ts'
import { Seen } from './seen.ts'
import { take, type Rules, type Step } from './turn.ts'
import { bornWorld, type World } from './world.ts'

export const WORLDS_MAX_DEFAULT = 5_000_000

export interface ExploreOptions {
  /** Servers; 1 to 5. More make more symmetry than a walk can use. */
  readonly servers: number
  readonly bounds?: Partial<Bounds>
  /** What of Raft's options is on; all are off by default. */
  readonly raft?: Partial<Pick<Options, 'preVote' | 'checkQuorum' | 'noopOnElection' | 'electionTimeoutTicks'>>
  /** Actions in a row, at most. */
  readonly depth: number
  /** Distinct worlds, at most: a walk that meets more is not complete. Default {@link WORLDS_MAX_DEFAULT}. */
  readonly worldsMax?: number
  /** The reducer; a broken one shows that the walk finds what it looks for. */
  readonly step?: Step
  /** Whether each step is checked by itself, besides what happens to the cluster. Default: yes. */
  readonly checksSteps?: boolean
  /** Called after each depth. */
  readonly onDepth?: (progress: ExploreProgress) => void
  /** Asked every few hundred actions, with how far it is: whether to end here. */
  readonly shouldStop?: (progress: ExploreProgress) => boolean
}

export interface ExploreProgress {
  readonly depth: number
  /** Distinct worlds met so far, and those met first at this depth. */
  readonly worlds: number
  readonly frontier: number
}

export type Exploration = ExploreProgress & {
  /** Whether everything within the bounds was visited. */
  readonly isComplete: boolean
  /** Whether it ended because there were too many worlds. */
  readonly isFull: boolean
  /** Whether it ended because it was told to. */
  readonly isStopped: boolean
  readonly violation: {
    readonly claim: string
    readonly actions: readonly Action[]
    readonly lines: readonly string[]
  } | null
}

/**
 * Breadth-first search over the reducer itself: every order of everything that can happen to a cluster, to the bounds.
 * The code is the model. A violation comes with a shortest way to it.
 * @throws UsageError for a number of servers or an option of Raft out of bounds, for heartbeats beside ticks, and for
 * leases without what they rest on.
 */
export const explore = (options: ExploreOptions): Exploration => {
  const { servers, depth: depthMax, worldsMax = WORLDS_MAX_DEFAULT, step = coreStep, checksSteps = true } = options
  if (!Number.isInteger(servers) || servers < 1 || servers > 5)
    throw new UsageError('an exploration has 1 to 5 servers', { servers })
  const bounds: Bounds = { ...DEFAULT_BOUNDS, ...options.bounds }
  const rules = { step, checksSteps, lateDisks: bounds.lateDisks, leases: bounds.leases }
  if (bounds.heartbeats > 0 && bounds.ticks > 0)
    throw new UsageError('heartbeats are ticks of leaders alone: explore them, or ticks of all servers', { ...bounds })
  if (bounds.leases && (options.raft?.checkQuorum !== true || bounds.ticks === 0 || bounds.reads === 0))
    throw new UsageError('leases are explored with the check of the quorum, ticks and reads', { ...bounds })
  const walk = new Walk(bornWorld(servers, options.raft), bounds, rules, {
    worldsMax,
    shouldStop: options.shouldStop ?? (() => false),
  })
  while (!walk.isOver && walk.depth < depthMax && walk.frontier > 0) {
    walk.goDeeper()
    if (!walk.isStopped) options.onDepth?.(walk.progress())
  }
  const { isFull, isStopped, violation } = walk
  return { ...walk.progress(), isComplete: !walk.isOver && walk.frontier === 0, isFull, isStopped, violation }
}

/** How each world was come by: its predecessor in the list, and the action. */
interface Origin {
  readonly from: Origin | null
  readonly action: Action | null
}

interface Limits {
  readonly worldsMax: number
  readonly shouldStop: (progress: ExploreProgress) => boolean
}

/** Few enough to be asked many times a second. */
const ASK_EVERY = 512

class Walk {
  depth = 0
  isFull = false
  isStopped = false
  violation: Exploration['violation'] = null
  private level: { readonly world: World; readonly origin: Origin }[]
  private readonly seen = new Seen()
  private readonly fingerprints: Fingerprints
  private readonly birth: World
  private readonly bounds: Bounds
  private readonly rules: Rules
  private readonly limits: Limits
  private visits = 0

  constructor(birth: World, bounds: Bounds, rules: Rules, limits: Limits) {
    this.birth = birth
    this.bounds = bounds
    this.rules = rules
    this.limits = limits
    const isAsking = birth.servers[0]?.raft.options.preVote === true
    this.fingerprints = new Fingerprints(birth, bounds.ticks > 0 || isAsking)
    this.level = [{ world: birth, origin: { from: null, action: null } }]
    this.seen.add(this.fingerprints.of(birth))
  }

  get frontier(): number {
    return this.level.length
  }

  get isOver(): boolean {
    return this.violation !== null || this.isFull || this.isStopped
  }

  progress(): ExploreProgress {
    return { depth: this.depth, worlds: this.seen.size, frontier: this.level.length }
  }

  goDeeper(): void {
    const level = this.level
    this.level = []
    this.depth++
    for (const { world, origin } of level) {
      for (const action of actionsIn(world, this.bounds)) {
        this.visit(world, origin, action)
        if (++this.visits % ASK_EVERY === 0) this.isStopped = this.limits.shouldStop(this.progress())
        if (this.isOver) return
      }
    }
  }

  private visit(world: World, from: Origin, action: Action): void {
    const origin = { from, action }
    try {
      const next = take(world, action, this.rules)
      const fingerprint = this.fingerprints.of(next)
      if (this.seen.has(fingerprint)) return
      claimWorld(next)
      this.seen.add(fingerprint)
      this.isFull = this.seen.size >= this.limits.worldsMax
      this.level.push({ world: next, origin })
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      const actions = wayTo(origin)
      this.violation = { claim: error.message, actions, lines: this.narrate(actions) }
    }
  }

  /** Plays the way again, for the names of what is under way at each point. */
  private narrate(actions: readonly Action[]): readonly string[] {
    const lines: string[] = []
    let world = this.birth
    for (const action of actions) {
      lines.push(describeAction(world, action))
      if (lines.length < actions.length) world = take(world, action, this.rules)
    }
    return lines
  }
}

const wayTo = (origin: Origin): readonly Action[] => {
  const actions: Action[] = []
  for (let at: Origin | null = origin; at !== null; at = at.from) if (at.action !== null) actions.push(at.action)
  return actions.reverse()
}
