import type { InvariantViolation } from '../core/assert.ts'
import type { Options } from '../core/config.ts'
import type { Configuration } from '../core/membership/configuration.ts'
import type { NodeId } from '../core/ids.ts'
import type { Message } from '../core/message.ts'
import type { Output } from '../core/output.ts'
import type { Remains } from '../core/start.ts'
import type { RaftState } from '../core/state.ts'
import { Recorder } from '../trace/record.ts'
import { birthOf, restartOf } from '../trace/start.ts'
import type { CrashReason } from './cluster/cluster.ts'
import type { Fate } from './cluster/network.ts'
import type { Described } from './service.ts'

/** Of all servers, and those in which each differs. */
interface SharedOptions {
  readonly options: Partial<Options>
  readonly optionsOf?: (id: NodeId) => Partial<Options>
}

/** Writes a run down as a trace. */
export class Reporter {
  private readonly recorder: Recorder
  private readonly clock: { readonly time: number }

  constructor(
    cluster: { readonly ids: readonly NodeId[]; readonly time: number; readonly configuration: Configuration },
    { options, optionsOf }: SharedOptions,
    seed: number,
    write: (line: string) => void,
  ) {
    this.clock = cluster
    const nodes = cluster.ids
    const { configuration } = cluster
    const births = nodes.map((id) => ({
      id,
      configuration,
      ...(optionsOf === undefined ? {} : { options: optionsOf(id) }),
    }))
    const init = Object.fromEntries(births.map((birth) => [birth.id, birthOf(birth)]))
    this.recorder = new Recorder({ nodes, init, options, seed }, write)
  }

  private get at(): number {
    return this.clock.time
  }

  step(message: Message, after: RaftState, outputs: readonly Output[]): void {
    this.recorder.step(after.server.id, this.at, message, after, outputs)
  }

  failed(id: NodeId, message: Message): void {
    this.recorder.lost(id, this.at, message)
  }

  crash(n: NodeId, why: CrashReason): void {
    this.recorder.fault({ kind: 'crash', at: this.at, n })
    if (why === 'disk full' || why === 'write failed') this.recorder.fault({ kind: 'disk', at: this.at, n, what: why })
  }

  restart(n: NodeId, remains: Remains): void {
    this.recorder.fault({ kind: 'restart', at: this.at, n, start: restartOf(remains) })
  }

  fate(fate: Fate, from: NodeId, to: NodeId): void {
    if (fate === 'overtaken') return
    const kind = fate === 'lost' ? 'drop' : fate === 'clogged' ? 'delay' : 'duplicate'
    this.recorder.net({ kind, at: this.at, from, to })
  }

  call(client: string, { value }: Described): void {
    this.recorder.operation({ kind: 'invoke', at: this.at, client, value })
  }

  answer(client: string, { value, isFailure }: Described): void {
    this.recorder.operation({ kind: isFailure === true ? 'fail' : 'ok', at: this.at, client, value })
  }

  violation(i: number, n: NodeId | null, { claim, message }: InvariantViolation): void {
    this.recorder.violation({ at: this.at, i, ...(n === null ? {} : { n }), claim, detail: message })
  }

  end(): void {
    this.recorder.end()
  }
}
