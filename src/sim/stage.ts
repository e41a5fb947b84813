import type { InvariantViolation } from '../core/assert.ts'
import type { Entry, JsonValue } from '../core/entry.ts'
import type { Index, NodeId } from '../core/ids.ts'
import { checkState } from '../core/invariants/state.ts'
import { checkTransition } from '../core/invariants/transition.ts'
import type { Message } from '../core/message.ts'
import type { Output } from '../core/output.ts'
import type { Remains } from '../core/start.ts'
import type { RaftState } from '../core/state.ts'
import { captureAt, type Replica, type ReplicaOutput } from '../machine/replica-state.ts'
import type { SessionCommand, SessionResult, SessionsState } from '../machine/sessions.ts'
import { describeMessage } from '../trace/describe.ts'
import { ClaimViolation, Ghost, Tally, checkOf, type Mark } from '../trace/checker/index.ts'
import { hashValue } from '../trace/hash.ts'
import { SimCluster, type CrashReason } from './cluster/cluster.ts'
import { Dice } from './dice.ts'
import type { CrashLoss } from './cluster/disk.ts'
import { Faults } from './faults.ts'
import { deepFreeze } from './freeze.ts'
import type { Fate } from './cluster/network.ts'
import { TICK_MS, mixOf, type Mix } from './profile.ts'
import { ProposalAnswers } from './proposals.ts'
import { Reference, pathOfDifference } from './reference.ts'
import { Reporter } from './reporter.ts'
import type { Described, Request, Service } from './service.ts'
import { SessionClients } from './session-clients.ts'
import { SessionOrder } from './session-order.ts'
import type { Finding, SimulationOptions, SimulationReport } from './simulation.ts'
import { configurationAtBirth, machineWithSessions, variedCompactions, variedMachines } from './variants.ts'

/** Stands for no recording at all. */
export const ignore = (): void => undefined

/** A claim about a whole run: no single step shows it. */
export const FLOOD = 'answers do not outnumber questions'

/** More messages under way than any lawful run has had by far. */
const EVENTS_MAX = 50_000

const MARK_OF_FATE: Readonly<Record<Fate, Mark>> = {
  lost: 'message lost',
  duplicated: 'message duplicated',
  overtaken: 'message overtaken',
  clogged: 'link clogged',
}

const MARK_OF_CRASH: Readonly<Record<CrashReason, Mark>> = {
  killed: 'crashed',
  'killed between outputs': 'crashed between outputs',
  'disk full': 'disk full',
  'write failed': 'write failed',
}

type Sessions<S> = SessionsState<S>

/** A cluster with its clients and its faults, under the eyes of a ghost, a reference machine and, if asked, a recorder. */
export class Stage<S, C extends JsonValue, R extends JsonValue> {
  readonly cluster: SimCluster<Sessions<S>, SessionCommand<C>, SessionResult<R>>
  readonly clients: SessionClients<S, C, R>
  readonly faults: Faults
  readonly mix: Mix
  steps = 0
  /** Commands that failed in the state machine, counted on each server. */
  failures = 0
  /** Whether anything may go wrong at present. */
  hasFaults = true
  private readonly options: Required<SimulationOptions>
  private readonly service: Service<S, C, R>
  private readonly tally = new Tally()
  private readonly ghost: Ghost
  private readonly proposals: ProposalAnswers
  private readonly order = new SessionOrder()
  private readonly reference: Reference<Sessions<S>, SessionCommand<C>, SessionResult<R>>
  private readonly reporter: Reporter | null
  /** The latest step, for a finding to point at. */
  private last: { readonly id: NodeId; readonly message: Message } | null = null

  constructor(service: Service<S, C, R>, options: Required<SimulationOptions>) {
    const { seed, nodes, profile } = options
    this.options = options
    this.service = service
    const machine = machineWithSessions(service)
    const mix = mixOf(profile, seed)
    this.mix = mix
    this.ghost = new Ghost({ tally: this.tally, isRead: mix.throughBytes })
    this.proposals = new ProposalAnswers(this.ghost)
    this.reference = new Reference(machine, this.ghost)
    const shared = {
      options: mix.options,
      ...(mix.compactionsDiffer ? { optionsOf: variedCompactions(mix.options, seed) } : {}),
    }
    this.cluster = new SimCluster({
      machine,
      size: nodes,
      seed,
      ...shared,
      network: mix.network,
      diskDelay: mix.diskDelay,
      sharesWrites: mix.sharesWrites,
      machineDelay: mix.machineDelay,
      installDelay: mix.installDelay,
      throughBytes: mix.throughBytes,
      diskBytes: mix.diskBytes,
      configuration: configurationAtBirth(mix.birth, nodes, seed),
      ...(mix.rejectRate > 0 ? { rejectRate: () => (this.hasFaults ? mix.rejectRate : 0) } : {}),
      ...(mix.cutsDiffer ? { machineOf: variedMachines(service, seed) } : {}),
      tickInterval: TICK_MS,
      onOutput: (id, output) => this.onOutput(id, output),
      onStep: (before, message, after, outputs) => this.onStep(before, message, after, outputs),
      onStepFailed: (before, message) => this.onStepFailed(before, message),
      onRestart: (id, replica, remains) => this.onRestart(id, replica, remains),
      onCrash: (id, why, loss) => this.onCrash(id, why, loss),
      onFate: (fate, from, to) => this.onFate(fate, from, to),
    })
    this.reporter = options.onLine === ignore ? null : new Reporter(this.cluster, shared, seed, options.onLine)
    const clocks = new Dice('clocks', seed)
    for (const id of this.cluster.ids) this.begin(id, clocks.within(mix.tick))
    this.clients = new SessionClients(this.cluster, service, mix, seed, {
      onMark: (mark) => this.tally.count(mark),
      onLook: (node, ask, value) => this.onLook(node, ask, value),
      onCall: (client, request) => this.reporter?.call(client, this.describe(request, null)),
      onAnswer: (client, request, value) => this.reporter?.answer(client, this.describe(request, value)),
    })
    this.faults = new Faults(this.cluster, mix, seed, this.tally)
  }

  private begin(id: NodeId, tickInterval: number): void {
    const replica = this.cluster.replica(id)
    if (replica !== null) this.ghost.start(replica.raft)
    this.cluster.changeClock(id, tickInterval)
  }

  /** In the end all machines of the core are in the state that the committed entries make, and have answered for them. */
  compareStates(core: readonly NodeId[]): void {
    for (const id of core) {
      const replica = this.cluster.replica(id)
      if (replica === null) continue
      this.compare(id, replica.raft.server.lastApplied, replica.machine)
      this.proposals.ended(id, replica.raft.server.lastApplied)
    }
  }

  judge(): void {
    const verdict = this.service.judge?.(this.clients.told, () => this.count('history undecided')) ?? null
    if (verdict !== null) throw new ClaimViolation('LIN', verdict)
  }

  count(mark: Mark): void {
    this.tally.count(mark)
  }

  found(violation: InvariantViolation): Finding {
    const { last } = this
    const check = checkOf(violation)
    const isOfOneStep = check !== 'LIVE' && check !== 'LIN' && last !== null
    const step = Math.max(0, this.steps - 1)
    this.reporter?.violation(step, isOfOneStep ? last.id : null, violation)
    return {
      claim: check,
      sentence: violation.claim,
      step,
      node: isOfOneStep ? last.id : null,
      event: isOfOneStep ? `${last.id} ${describeMessage(last.message)}` : '',
      detail: Object.entries(violation.context)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(', '),
    }
  }

  report(finding: Finding | null): SimulationReport {
    const { seed, nodes, profile } = this.options
    const { cluster, steps, tally } = this
    this.reporter?.end()
    const servers = cluster.ids.map((id) => cluster.replica(id)?.raft.server ?? null)
    const operations = this.clients.history.length
    const digest = hashValue([servers, cluster.time, steps, operations])
    const { time } = cluster
    const { failures } = this
    return { seed, nodes, profile, steps, time, operations, failures, marks: tally.marks, digest, finding }
  }

  private describe(request: Request<S, C>, answer: JsonValue | null): Described {
    const { describe } = this.service
    if (describe !== undefined) return describe(request, answer)
    const asked = request.type === 'query' ? { query: request.query } : { command: request.command }
    return { value: answer === null ? asked : { ...asked, answer } }
  }

  private onStep(before: RaftState, message: Message, after: RaftState, outputs: readonly Output[]): void {
    this.steps++
    this.last = { id: before.server.id, message }
    this.reporter?.step(message, after, outputs)
    if (this.options.claims === 'all') {
      checkTransition(before, message, after, outputs)
      checkState(after)
      deepFreeze(message)
      deepFreeze(after)
      deepFreeze(outputs)
    }
    this.ghost.step(before, message, after, outputs)
    if (message.type === 'propose') this.proposals.asked(before.server.id, message.id, message.commands)
    for (const output of outputs)
      if (output.type === 'installSnapshot') this.proposals.installing(before.server.id, output.snapshot)
    if (this.steps % 1024 === 0 && this.cluster.eventCount > EVENTS_MAX)
      throw new ClaimViolation('COST', FLOOD, { events: this.cluster.eventCount })
  }

  /** The reducer itself saw that something cannot be: its error follows. */
  private onStepFailed({ server }: RaftState, message: Message): void {
    this.last = { id: server.id, message }
    this.steps++
    this.reporter?.failed(server.id, message)
  }

  private onOutput(id: NodeId, output: ReplicaOutput<SessionResult<R>>): void {
    this.proposals.observe(id, output)
    this.clients.observe(id, output)
    if (output.type === 'applied' && this.order.isRepeated(output.entries)) this.count('old command after a newer one')
    if (output.type === 'completed' && !this.reference.gave(output.firstIndex, output.results))
      throw new ClaimViolation('LIN', 'a proposal is answered by the results of its commands', { id, answer: output })
    if (output.type === 'applied') this.checkResults(id, output.entries, output.results)
    const index = output.type === 'saveSnapshot' || output.type === 'save' ? output.snapshot?.lastIncludedIndex : null
    if (index === null || index === undefined) return
    const replica = this.cluster.replica(id)
    const capture = replica === null ? null : captureAt(replica.captures, index)
    if (capture !== null) this.compare(id, index, capture.state)
  }

  private checkResults(id: NodeId, entries: readonly Entry[], results: readonly SessionResult<R>[]): void {
    const difference = this.reference.differenceOn(entries, results)
    if (difference !== null)
      throw new ClaimViolation('SF', 'equal commands give equal results on all servers', { id, ...difference })
    for (const result of results) {
      if (!isFailed(result)) continue
      this.failures++
      if (this.options.failuresAreFindings)
        throw new ClaimViolation('SF', 'no command fails in the state machine', { id, result })
    }
  }

  /** What a snapshot left out may show in an answer only. */
  private onLook(id: NodeId, ask: (state: S) => JsonValue, value: JsonValue): void {
    const index = this.cluster.replica(id)?.raft.server.lastApplied
    if (index === undefined) return
    const expected = ask(this.reference.at(index).machine)
    if (JSON.stringify(expected) === JSON.stringify(value)) return
    const path = pathOfDifference(expected, value)
    throw new ClaimViolation('SF', 'a state answers as the committed entries make it', {
      id,
      index,
      expected,
      got: value,
      path,
    })
  }

  private compare(id: NodeId, index: Index, state: Sessions<S>): void {
    if (!this.reference.agrees(index, state))
      throw new ClaimViolation('SF', 'a state is what replaying the committed entries gives', { id, index })
  }

  private onRestart(id: NodeId, { raft, machine }: Replica<Sessions<S>>, remains: Remains): void {
    this.reporter?.restart(id, remains)
    this.ghost.start(raft)
    this.compare(id, raft.server.lastApplied, machine)
  }

  private onCrash(id: NodeId, why: CrashReason, { lost, isTorn, isUnsynced }: CrashLoss): void {
    this.tally.count(MARK_OF_CRASH[why])
    if (lost > 0) this.tally.count('unsaved suffix lost')
    if (isUnsynced && why.startsWith('killed')) this.tally.count('unsynced write dropped')
    if (isTorn) this.tally.count('torn write discarded')
    this.reporter?.crash(id, why)
    this.ghost.crash(id)
    this.proposals.crash(id)
  }

  private onFate(fate: Fate, from: NodeId, to: NodeId): void {
    this.tally.count(MARK_OF_FATE[fate])
    this.reporter?.fate(fate, from, to)
  }
}

/** As immerMachine answers a command whose handler threw. */
const isFailed = (result: SessionResult<JsonValue>): boolean => {
  if (result.type !== 'applied') return false
  const inner = result.result
  return typeof inner === 'object' && inner !== null && 'type' in inner && inner['type'] === 'failed'
}
