import { unreachable } from '../core/assert.ts'
import type { NodeId } from '../core/ids.ts'
import type { Tally } from '../trace/checker/index.ts'
import { Dice, type Range } from './dice.ts'
import { ELECTION_TIMEOUT_MS, ELECTION_TIMEOUT_TICKS, TICK_MS, type Fault, type Mix } from './profile.ts'

/** What of a cluster faults reach: see SimCluster. */
export interface Victims {
  readonly ids: readonly NodeId[]
  leader(): NodeId | null
  after(delay: number, run: () => void): void
  partition(groups: readonly (readonly NodeId[])[]): void
  cut(from: NodeId, to: NodeId): void
  clog(from: NodeId, to: NodeId, duration: number): void
  heal(): void
  pause(id: NodeId): void
  resume(id: NodeId): void
  campaign(id: NodeId): void
  crash(id: NodeId): void
  crashWithin(id: NodeId, outputs: number | null): void
  restart(id: NodeId): void
  changeDisk(id: NodeId, delay: { readonly least: number; readonly most: number }): void
  failDisk(id: NodeId, fault: 'full' | 'failing' | null): void
}

/** Ticks in which the others elect a leader, or do not. */
const RIVALS_LOOKS = 4 * ELECTION_TIMEOUT_TICKS
/** Longer than two elections take. */
const RIVALS_DISK: Range = { least: 6 * ELECTION_TIMEOUT_MS, most: 12 * ELECTION_TIMEOUT_MS }

/** Lets things go wrong, one after another and sometimes together, each for a while. */
export class Faults {
  private readonly victims: Victims
  private readonly mix: Mix
  private readonly dice: Dice
  private readonly tally: Tally
  private isOver = false
  private hasRivals = false

  constructor(victims: Victims, mix: Mix, seed: number, tally: Tally) {
    this.victims = victims
    this.mix = mix
    this.dice = new Dice('faults', seed)
    this.tally = tally
    if (mix.faults.length > 0) this.schedule()
  }

  /** Ends every fault; who is down comes back. */
  end(): void {
    this.isOver = true
    this.victims.heal()
    for (const id of this.victims.ids) this.mend(id)
  }

  private schedule(): void {
    this.victims.after(this.dice.within(this.mix.pause), () => {
      if (this.isOver) return
      const fault = this.dice.pick(this.mix.faults)
      if (fault !== undefined) this.strike(fault)
      this.schedule()
    })
  }

  private strike(fault: Fault): void {
    const { victims, dice } = this
    const victim = this.victim()
    switch (fault) {
      case 'split':
        return this.split(dice.shuffle(victims.ids).slice(0, dice.integer(1, victims.ids.length + 1)))
      case 'isolate leader':
        return this.split([victims.leader() ?? victim])
      case 'one way':
        return this.oneWay(victim)
      case 'cut links':
        return this.cutLinks()
      case 'clog':
        for (const to of victims.ids) if (dice.chance(0.5)) victims.clog(victim, to, dice.within(this.mix.duration))
        return
      case 'campaign':
        return victims.campaign(victim)
      case 'rivals':
        return this.rivals()
      case 'crash':
        victims.crash(victim)
        return this.later(() => this.mend(victim))
      case 'crash between outputs':
        victims.crashWithin(victim, dice.integer(0, 4))
        return this.later(() => this.mend(victim))
      case 'power cut':
        for (const id of victims.ids) victims.crash(id)
        return this.later(() => victims.ids.forEach((id) => this.mend(id)))
      case 'pause':
        victims.pause(victim)
        this.tally.count('server paused')
        return this.later(() => victims.resume(victim))
      case 'slow disk':
        victims.changeDisk(victim, { least: 0, most: dice.pick([100, 500, 2_000]) ?? 100 })
        return this.later(() => victims.changeDisk(victim, this.mix.diskDelay))
      case 'full disk':
      case 'failing disk':
        victims.failDisk(victim, fault === 'full disk' ? 'full' : 'failing')
        return this.later(() => this.mend(victim))
      default:
        return unreachable(fault)
    }
  }

  /** Leaders are worth more trouble than others. */
  private victim(): NodeId {
    const { victims, dice } = this
    const leader = dice.chance(0.4) ? victims.leader() : null
    const [first] = victims.ids
    if (first === undefined) throw new Error('a cluster has members')
    return leader ?? dice.pick(victims.ids) ?? first
  }

  private later(run: () => void): void {
    this.victims.after(this.dice.within(this.mix.duration), () => {
      if (!this.isOver) run()
    })
  }

  private split(side: readonly NodeId[]): void {
    const { victims } = this
    victims.partition([side, victims.ids.filter((id) => !side.includes(id))])
    this.healLater()
  }

  /** A server hears everybody and reaches nobody, or the other way round. */
  private oneWay(victim: NodeId): void {
    const isDeaf = this.dice.chance(0.5)
    for (const other of this.victims.ids)
      if (isDeaf) this.victims.cut(other, victim)
      else this.victims.cut(victim, other)
    this.tally.count('one-way link')
    this.healLater()
  }

  /** Any links in any direction: some servers hear each other, but not all the same ones. */
  private cutLinks(): void {
    for (const from of this.victims.ids)
      for (const to of this.victims.ids) if (from !== to && this.dice.chance(0.35)) this.victims.cut(from, to)
    this.healLater()
  }

  /**
   * Leaders in turn reach one server only, whose disk is slow: it overwrites what it has of the one with entries of the
   * next, and those again before the first truncation is durable. One such sequence at a time.
   */
  private rivals(): void {
    const { victims, dice } = this
    const leader = victims.leader()
    const slow = dice.pick(victims.ids.filter((id) => id !== leader))
    if (leader === null || slow === undefined || this.hasRivals) return
    this.hasRivals = true
    victims.changeDisk(slow, RIVALS_DISK)
    this.succeed(slow, leader, dice.integer(2, 6))
  }

  /** The leader reaches the slow server alone, until the others have elected another; then that one does. */
  private succeed(slow: NodeId, leader: NodeId, turns: number): void {
    const { victims, dice } = this
    if (this.isOver) return
    victims.heal()
    for (const id of victims.ids) if (id !== slow && id !== leader) victims.cut(leader, id)
    const look = (looks: number): void => {
      if (this.isOver) return
      const next = victims.leader()
      if (looks === 0 || turns === 0) {
        this.hasRivals = false
        victims.heal()
        victims.changeDisk(slow, this.mix.diskDelay)
      } else if (next === null || next === leader || next === slow) victims.after(TICK_MS, () => look(looks - 1))
      // Time for its first entries to arrive, and perhaps those of a client.
      else victims.after(dice.integer(0, 4 * TICK_MS), () => this.succeed(slow, next, turns - 1))
    }
    look(RIVALS_LOOKS)
  }

  private healLater(): void {
    this.later(() => {
      this.victims.heal()
      this.tally.count('partition healed')
    })
  }

  private mend(id: NodeId): void {
    const { victims } = this
    victims.crashWithin(id, null)
    victims.failDisk(id, null)
    victims.changeDisk(id, this.mix.diskDelay)
    victims.resume(id)
    victims.restart(id)
  }
}
