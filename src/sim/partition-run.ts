import type { NodeId, Term } from '../core/ids.ts'
import { kvMachine, type KvResult } from '../machine/kv/kv.ts'
import type { ReplicaOutput } from '../machine/replica-state.ts'
import { Clients, operationOf, type Call, type End, type KvCluster } from './clients.ts'
import { SimCluster } from './cluster/cluster.ts'
import { Dice } from './dice.ts'
import type { Operation } from '../linearizability/history.ts'
import { checkLinearizability, type Verdict } from '../linearizability/check.ts'
import { checkPartitionTest, windowOf, type PartitionTest, type Window } from './partition-options.ts'
import { Workload } from './workload.ts'

export type { PartitionTest } from './partition-options.ts'

export interface PartitionReport {
  readonly totalOps: number
  /** Those issued while the network was split. */
  readonly opsDuringPartition: number
  /** Those answered in time. With opsRejected they make up totalOps. */
  readonly opsSucceeded: number
  /** Those refused, and those whose client gave up without knowing the outcome. */
  readonly opsRejected: number
  readonly opsUnknown: number
  /** Whether the verdict says so. */
  readonly linearizable: boolean
  readonly verdict: Verdict
  /** The history: all operations but those that are known not to have happened. */
  readonly operations: readonly Operation[]
  /** Who became leader, in order. */
  readonly leaders: readonly Election[]
  /** The split; null when there was none. A network still split at the end has no healTime. */
  readonly split: Split | null
  /** Virtual time at the end, in units of which a tick of a server has ten. */
  readonly time: number
  /** Messages that the replicas took in. */
  readonly steps: number
}

export interface Election {
  readonly time: number
  readonly leader: NodeId
  readonly term: Term
}

export interface Split {
  readonly minority: readonly NodeId[]
  readonly majority: readonly NodeId[]
  readonly splitTime: number
  readonly healTime: number | null
}

/**
 * Runs a cluster in virtual time through a partition that cuts off its leader with a minority, under clients that
 * read, write and compare-and-set, some of them on either side; then judges what they were told. During the partition
 * the first operation, and every third or so of the others, can reach the minority only; the network heals when the
 * last operation of the window has been issued and those of the minority are over. With one node the "minority" is
 * the clients that reach no node at all; with two, neither side has a quorum.
 *
 * @throws UsageError naming the field that is out of bounds.
 */
export const runPartitionTest = (test: PartitionTest): PartitionReport => new PartitionRun(test).run()

const TICK_INTERVAL = 10
/** Operations under way at the same time, at most. */
const CLIENTS = 8
/** How often an idle client looks again whether there is a leader to cut off. */
const POLL_TIME = 5
/** Election timeouts that are waited for a leader; then the run goes on without, and its report says so. */
const ELECTIONS_MAX = 100

class PartitionRun {
  private readonly test: Required<PartitionTest>
  private readonly window: Window
  private readonly cluster: KvCluster
  private readonly clients: Clients
  private readonly dice: Dice
  private readonly workload: Workload
  private readonly electionTime: number
  private readonly leaders: Election[] = []
  private readonly operations: Operation[] = []
  /** Clients that wait for the network to heal. */
  private readonly parked: string[] = []
  private split: Split | null = null
  /** When to split without a leader. */
  private splitDeadline: number | null = null
  private issued = 0
  private succeeded = 0
  private rejected = 0
  private unknown = 0
  /** Operations under way that can reach the minority only. */
  private stranded = 0

  constructor(test: PartitionTest) {
    this.test = checkPartitionTest(test)
    this.window = windowOf(this.test)
    const { clusterSize: size, seed, checked, reads } = this.test
    // Many servers need a wider choice of deadlines, or they campaign at the same time over and over.
    const electionTimeoutTicks = 10 + Math.floor(size / 2)
    const heartbeatTicks = 1 + Math.floor(size / 20)
    this.electionTime = electionTimeoutTicks * TICK_INTERVAL
    this.cluster = new SimCluster({
      machine: kvMachine(),
      size,
      seed,
      checked,
      tickInterval: TICK_INTERVAL,
      options: { electionTimeoutTicks, heartbeatTicks },
      onOutput: (id, output) => this.observe(id, output),
    })
    const clientOptions = {
      patience: 5 * this.electionTime,
      attemptsMax: 25,
      delay: { least: 1, most: 5 },
      backoff: { least: this.electionTime / 10, most: (3 * this.electionTime) / 10 },
      reads,
    }
    this.clients = new Clients(this.cluster, clientOptions, seed)
    this.dice = new Dice('partition', seed)
    this.workload = new Workload(new Dice('workload', seed))
  }

  run(): PartitionReport {
    const { cluster, test } = this
    this.awaitLeader()
    for (let at = 1; at <= CLIENTS; at++) this.issue(`c${at}`)
    // It ends: every client gives up after a while, and a split waits for a leader only so long.
    while (this.succeeded + this.rejected < test.operations)
      cluster.runUntil(() => this.succeeded + this.rejected === test.operations, 1_000_000)
    const verdict = checkLinearizability(this.operations)
    return {
      totalOps: test.operations,
      opsDuringPartition: this.window.to - this.window.from,
      opsSucceeded: this.succeeded,
      opsRejected: this.rejected,
      opsUnknown: this.unknown,
      linearizable: verdict.result === 'linearizable',
      verdict,
      operations: this.operations,
      leaders: this.leaders,
      split: this.split,
      time: cluster.time,
      steps: cluster.stepCount,
    }
  }

  private observe(id: NodeId, output: ReplicaOutput<KvResult>): void {
    if (output.type === 'note') {
      if (output.event === 'became' && output.role === 'leader')
        this.leaders.push({ time: this.cluster.time, leader: id, term: output.term })
    } else this.clients.observe(id, output)
  }

  private awaitLeader(): void {
    this.cluster.runUntil(() => this.cluster.leader() !== null, ELECTIONS_MAX * this.electionTime)
  }

  /** Begins the client's next operation, unless all are issued; first splits or heals the network if it is time. */
  private issue(client: string): void {
    if (this.issued === this.test.operations) return
    const { from, to } = this.window
    if (from < to && this.issued === from && this.split === null && !this.splitNetwork(client)) return
    if (from < to && this.issued === to && !this.healNetwork(client)) return
    const isSplit = this.issued >= from && this.issued < to
    const isStranded = isSplit && (this.issued === from || this.dice.integer(0, 3) === 0)
    this.issued++
    if (isStranded) this.stranded++
    this.clients.call({
      client,
      input: this.workload.next(),
      reach: () => this.reachable(isSplit, isStranded),
      onEnd: (call, end) => this.finish(call, end, isStranded),
    })
  }

  private reachable(isSplit: boolean, isStranded: boolean): readonly NodeId[] {
    const { split, cluster } = this
    if (!isSplit || split?.healTime !== null) return cluster.ids
    return isStranded ? split.minority : split.majority
  }

  /** Cuts off the leader with as many others as make no quorum. Without a leader the client looks again later. */
  private splitNetwork(client: string): boolean {
    const { cluster } = this
    this.splitDeadline ??= cluster.time + ELECTIONS_MAX * this.electionTime
    const leader = cluster.leader() ?? (cluster.time < this.splitDeadline ? null : (cluster.ids[0] ?? null))
    if (leader === null) {
      cluster.after(POLL_TIME, () => this.issue(client))
      return false
    }
    const others = this.dice.shuffle(cluster.ids.filter((id) => id !== leader))
    const size = cluster.ids.length === 1 ? 0 : Math.max(1, Math.floor((cluster.ids.length - 1) / 2))
    const minority = size === 0 ? [] : [leader, ...others.slice(0, size - 1)]
    const majority = cluster.ids.filter((id) => !minority.includes(id))
    cluster.partition([minority, majority])
    this.split = { minority, majority, splitTime: cluster.time, healTime: null }
    return true
  }

  /** Heals the network once nobody waits for the minority any more; until then the client is parked. */
  private healNetwork(client: string): boolean {
    if (this.split?.healTime !== null) return true
    if (this.stranded > 0) {
      this.parked.push(client)
      return false
    }
    this.cluster.heal()
    this.split = { ...this.split, healTime: this.cluster.time }
    return true
  }

  private finish(call: Call, end: End, isStranded: boolean): void {
    const operation = operationOf(call, end, this.cluster.time)
    if (operation !== null) this.operations.push(operation)
    if (end.type === 'answered') {
      this.succeeded++
      this.workload.notice(call.input, end.output)
    } else this.rejected++
    if (end.type === 'unknown') this.unknown++
    if (isStranded) this.stranded--
    for (const client of this.parked.splice(0)) this.issue(client)
    this.issue(call.client)
  }
}
