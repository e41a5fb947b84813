import { LabCluster } from './cluster.ts'
import type { Command } from './lab-raft.ts'
import { LabFailure, type Script } from './virtual-time.ts'

/** Milliseconds. The tester's own constant, not the servers'. */
export const ELECTION_TIMEOUT = 1000

/** What `wait` returns when a term has passed: the experiment has to be repeated. */
export const TERM_PASSED = Symbol('term passed')

/** A test of the lab under way: the cluster and MIT's helper functions, in virtual time. */
export class Lab extends LabCluster {
  fail(observed: string): never {
    throw new LabFailure(observed)
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return this.dice.integer(0, bound)
  }

  /** A random command: Go's tests draw 63 bits, JSON's numbers hold 53. */
  random(): number {
    return this.below(2 ** 21) * 2 ** 32 + this.below(2 ** 32)
  }

  randomText(length: number): string {
    const digits: string[] = []
    while (digits.length < length) digits.push(this.below(36).toString(36))
    return digits.join('')
  }

  /** Waits for a leader among the connected servers: 10 rounds of about half a second. */
  *checkOneLeader(): Script<number> {
    for (let round = 0; round < 10; round++) {
      yield 450 + this.below(100)
      const leaders = new Map<number, number>()
      for (const at of this.servers) {
        const state = this.isConnected(at) ? this.raft(at)?.getState() : undefined
        if (state?.isLeader !== true) continue
        if (leaders.has(state.term)) this.fail(`term ${state.term} has two leaders`)
        leaders.set(state.term, at)
      }
      const leader = leaders.get(Math.max(...leaders.keys()))
      if (leader !== undefined) return leader
    }
    return this.fail('expected one leader, got none')
  }

  /** Every connected server knows the same term. */
  checkTerms(): number {
    const terms = new Set<number>()
    for (const at of this.servers) {
      const state = this.isConnected(at) ? this.raft(at)?.getState() : undefined
      if (state !== undefined) terms.add(state.term)
    }
    if (terms.size > 1) this.fail(`servers disagree on term: ${[...terms].join(', ')}`)
    return [...terms][0] ?? -1
  }

  checkNoLeader(): void {
    for (const at of this.servers)
      if (this.isConnected(at) && this.raft(at)?.getState().isLeader === true)
        this.fail(`expected no leader among connected servers, but ${at} claims to be leader`)
  }

  /** How many servers, dead and cut off ones among them, have applied an index, and what. */
  committed(index: number): { readonly count: number; readonly value: Command | null } {
    let count = 0
    let value: Command | null = null
    for (const at of this.servers) {
      const applied = this.service(at).valueAt(index)
      if (applied === null) continue
      if (count > 0 && applied !== value) this.fail(`committed values at index ${index} do not match`)
      count++
      value = applied
    }
    return { count, value }
  }

  checkNoAgreement(index: number): void {
    const { count } = this.committed(index)
    if (count > 0) this.fail(`${count} committed at ${index}, but no majority`)
  }

  /** Brings a command to agreement among `expected` servers within 10 s, and returns its index. */
  *one(command: Command, expected: number, retry: boolean): Script<number> {
    const begun = this.time.now
    let last = 0
    while (this.time.now - begun < 10_000) {
      const started = this.startSomewhere(command, last)
      last = started.server
      if (started.index === null) {
        yield 50
        continue
      }
      const asked = this.time.now
      while (this.time.now - asked < 2000) {
        const { count, value } = this.committed(started.index)
        if (count > 0 && count >= expected && value === command) return started.index
        yield 20
      }
      if (!retry) this.fail(`one(${String(command).slice(0, 20)}) failed to reach agreement`)
    }
    return this.fail(`one(${String(command).slice(0, 20)}) failed to reach agreement in 10 s`)
  }

  /** Waits about 31 s, ever more patiently, until `count` servers have applied an index. */
  *wait(index: number, count: number, startTerm: number): Script<Command | typeof TERM_PASSED> {
    let pause = 10
    for (let poll = 0; poll < 30; poll++) {
      if (this.committed(index).count >= count) break
      yield pause
      if (pause < 1000) pause *= 2
      if (startTerm < 0) continue
      for (const at of this.servers) {
        const raft = this.raft(at)
        if (raft !== null && raft.getState().term > startTerm) return TERM_PASSED
      }
    }
    const { count: reached, value } = this.committed(index)
    if (reached < count || value === null)
      return this.fail(`only ${reached} decided for index ${index}; wanted ${count}`)
    return value
  }

  /** Asks the servers in turn, beginning after the one asked last, until one accepts; null when none does. */
  private startSomewhere(command: Command, last: number): { readonly index: number | null; readonly server: number } {
    let server = last
    for (let turn = 0; turn < this.size; turn++) {
      server = (server + 1) % this.size
      const raft = this.isConnected(server) ? this.raft(server) : null
      const started = raft?.start(command)
      if (started?.isLeader === true) return { index: started.index, server }
    }
    return { index: null, server }
  }
}
