import fc from 'fast-check'
import type { JsonValue } from '../../src/core/entry.ts'
import { FIRST_OBJECT, type ObjectId } from '../../src/core/ids.ts'
import type { SnapshotObject, StateMachine } from '../../src/machine/machine.ts'

/** How a transfer goes: at each step who sends (an index, modulo the senders), and what comes a second time. */
export interface TransferStep {
  readonly sender: number
  /** An object that was received before is received again: an index from the latest back, modulo their number. */
  readonly repeat: number | null
}

export const transferPlans: fc.Arbitrary<TransferStep[]> = fc.array(
  fc.record({ sender: fc.nat(7), repeat: fc.option(fc.nat(7), { freq: 3 }) }),
  { minLength: 1, maxLength: 12 },
)

/** Object sizes from one byte on, small ones often. */
export const objectBytes: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 4000 }),
)

/** The state that arrives when every step goes as planned, the plan starting over at its end. */
export const transfer = <S, C extends JsonValue, R extends JsonValue>(
  senders: readonly StateMachine<S, C, R>[],
  receiver: StateMachine<S, C, R>,
  state: S,
  plan: readonly TransferStep[],
): S => {
  const received: { readonly id: ObjectId; readonly data: string }[] = []
  const written = (partial: S, id: ObjectId, data: string): { readonly state: S; readonly next: ObjectId | null } => {
    const outcome = receiver.writeObject(partial, id, data)
    if ('error' in outcome) throw new Error(`${JSON.stringify(id)} was refused: ${outcome.error}`)
    return outcome
  }
  let [partial, wanted]: [S, ObjectId | null] = [receiver.initial, FIRST_OBJECT]
  for (let step = 0; wanted !== null; step++) {
    if (step > 50_000) throw new Error('the transfer does not end')
    const { sender, repeat } = plan[step % plan.length] ?? { sender: 0, repeat: null }
    const object: SnapshotObject | undefined = senders[sender % senders.length]?.readObject(state, wanted)
    if (object === undefined) throw new Error('there is no sender')
    received.push({ id: wanted, data: object.data })
    const { state: extended, next } = written(partial, wanted, object.data)
    // A sender that does not wait for answers goes by what it read: both sides name the same object.
    if (next !== object.next) throw new Error(`${JSON.stringify(object.next)} comes next, not ${JSON.stringify(next)}`)
    ;[partial, wanted] = [extended, next]
    const again = repeat === null || next === null ? undefined : received.at(-1 - (repeat % received.length))
    if (again === undefined) continue
    // A repetition may change what is wanted next, to something before it at worst.
    const repeated = written(partial, again.id, again.data)
    ;[partial, wanted] = [repeated.state, repeated.next]
  }
  return partial
}
