import type { JsonValue } from '../../core/entry.ts'
import type { Output, Reducer } from '../../core/output.ts'
import type { StateMachine } from '../../machine/machine.ts'
import { ReplicaRun } from '../../machine/replica-run.ts'
import type { Replica, ReplicaMessage, ReplicaOutput } from '../../machine/replica-state.ts'

/** What the core asks of a state machine. */
export type MachineWork = Extract<
  Output,
  { readonly type: 'apply' | 'takeSnapshot' | 'readObject' | 'saveObject' | 'installSnapshot' }
>

/** A replica after a step, with what its machine has to do, in order. */
export type DeferredStep<S, R> = readonly [
  replica: Replica<S, R>,
  outputs: readonly ReplicaOutput<R>[],
  work: readonly MachineWork[],
]

/**
 * A replica whose state machine answers later, as one outside of the process does: a step only collects what the machine
 * is asked, and each piece of work is done and answered in a step of its own. The order of the pieces is kept.
 */
class DeferredRun<S, C extends JsonValue, R extends JsonValue> extends ReplicaRun<S, C, R> {
  readonly work: MachineWork[] = []

  /** No batch is applied on the spot. */
  protected override get isApplying(): boolean {
    return false
  }

  protected override perform(output: Output): void {
    switch (output.type) {
      case 'apply':
      case 'takeSnapshot':
      case 'readObject':
      case 'saveObject':
      case 'installSnapshot':
        this.work.push(output)
        return
      case 'save':
      case 'send':
      case 'note':
      case 'accepted':
      case 'refused':
      case 'readReady':
      case 'transferEnded':
        return super.perform(output)
    }
  }

  /** Does one piece of work; the answer goes to the core at once. */
  do(work: MachineWork): DeferredStep<S, R> {
    if (work.type === 'apply') this.applyBatch()
    else super.perform(work)
    return this.after({ type: 'continue' })
  }

  after(message: ReplicaMessage): DeferredStep<S, R> {
    const [replica, outputs] = this.run(message)
    return [replica, outputs, this.work]
  }
}

/** Handles a message; the machine's part of it waits. */
export const deferredStep = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  replica: Replica<S, R>,
  message: ReplicaMessage,
  reduce: Reducer,
): DeferredStep<S, R> => new DeferredRun(machine, replica, reduce).after(message)

/** The machine does one piece of work, and the core is answered. */
export const deferredWork = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  replica: Replica<S, R>,
  work: MachineWork,
  reduce: Reducer,
): DeferredStep<S, R> => new DeferredRun(machine, replica, reduce).do(work)
