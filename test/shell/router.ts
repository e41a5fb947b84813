import { drawInteger, seedFrom } from '../../src/core/random.ts'
import type { Clock } from '../../src/shell/clock.ts'

/** What happens to a message between nodes. Clients' messages arrive always, once, and at once. */
export interface Faults {
  /** Of 100 messages. */
  readonly lostPercent: number
  readonly duplicatedPercent: number
  /** Each copy takes a time of its own, so that later ones overtake: a whole number from this range. */
  readonly delayMs: readonly [from: number, to: number]
}

export const CALM: Faults = { lostPercent: 0, duplicatedPercent: 0, delayMs: [0, 1] }

export const ROUGH: Faults = { lostPercent: 10, duplicatedPercent: 10, delayMs: [0, 30] }

/** A line on its way. */
export interface Packet {
  readonly src: string
  readonly dest: string
  readonly type: string
  readonly line: string
}

interface Transit extends Packet {
  readonly dueAt: number
}

/** The network of a Maelstrom cluster: takes lines, delivers them by `dest`. Its faults come from a seed. */
export class Router {
  faults: Faults = CALM
  /** Takes messages between nodes away before anything else happens to them, when it returns true. */
  intercept: (packet: Packet) => boolean = () => false
  private readonly clock: Clock
  private readonly ends = new Map<string, (line: string) => void>()
  private readonly nodes = new Set<string>()
  private readonly sideOf = new Map<string, number>()
  private transit: Transit[] = []
  private seed: number
  private readonly stopTimer: () => void

  constructor(clock: Clock, seed: number) {
    this.clock = clock
    this.seed = seedFrom('router', seed)
    this.stopTimer = clock.every(1, () => this.deliver())
  }

  node(name: string, receive: (line: string) => void): void {
    this.nodes.add(name)
    this.ends.set(name, receive)
  }

  client(name: string, receive: (line: string) => void): void {
    this.ends.set(name, receive)
  }

  remove(name: string): void {
    this.ends.delete(name)
  }

  /** From now on only nodes of the same group reach each other; those not named stay in touch. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.sideOf.clear()
    for (const [side, group] of groups.entries()) for (const name of group) this.sideOf.set(name, side + 1)
  }

  heal(): void {
    this.sideOf.clear()
  }

  carry(line: string): void {
    const { src, dest, body } = JSON.parse(line) as { src: string; dest: string; body: { type: string } }
    const packet: Packet = { src, dest, type: body.type, line }
    if (!this.nodes.has(src) || !this.nodes.has(dest)) return this.enqueue(packet, 0)
    if (this.intercept(packet)) return
    this.resend(packet)
  }

  /** Sends a message, as if it came from its sender now. */
  resend(packet: Packet): void {
    const { lostPercent, duplicatedPercent, delayMs } = this.faults
    const copies = this.draw(0, 100) < duplicatedPercent ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.draw(0, 100) < lostPercent) continue
      this.enqueue(packet, this.draw(delayMs[0], delayMs[1] + 1))
    }
  }

  stop(): void {
    this.stopTimer()
    this.transit = []
    this.ends.clear()
  }

  draw(from: number, to: number): number {
    const [value, seed] = drawInteger(this.seed, from, to)
    this.seed = seed
    return value
  }

  private enqueue(packet: Packet, delay: number): void {
    this.transit.push({ ...packet, dueAt: this.clock.now() + delay })
  }

  private deliver(): void {
    const now = this.clock.now()
    const due = this.transit.filter(({ dueAt }) => dueAt <= now)
    if (due.length === 0) return
    this.transit = this.transit.filter(({ dueAt }) => dueAt > now)
    for (const { src, dest, line } of due) {
      // A cut is felt at the end of the way: what is under way when it comes is lost as well.
      if ((this.sideOf.get(src) ?? 0) === (this.sideOf.get(dest) ?? 0) || !this.areNodes(src, dest))
        this.ends.get(dest)?.(line)
    }
  }

  private areNodes(src: string, dest: string): boolean {
    return this.nodes.has(src) && this.nodes.has(dest)
  }
}
