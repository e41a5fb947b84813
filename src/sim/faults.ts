import { unreachable } from '../core/assert.ts'
import type { NodeId } from '../core/ids.ts'
import type { Tally } from '../trace/ghost/index.ts'
import { Dice } from './dice.ts'
import type { Fault, Mix } from './profile.ts'

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

/** Lets things go wrong, one after another and sometimes together, each for a while. */
export class Faults {
  private readonly victims: Victims
  private readonly mix: Mix
  private readonly dice: Dice
  private readonly tally: Tally
  private isOver = false

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
