import type { Options } from '../core/config.ts'
import { configurationOf, type Configuration } from '../core/membership/configuration.ts'
import type { JsonValue } from '../core/entry.ts'
import { nodeId, type NodeId } from '../core/ids.ts'
import type { StateMachine } from '../machine/machine.ts'
import { withSessions, type SessionCommand, type SessionResult, type SessionsState } from '../machine/sessions.ts'
import { Dice } from './dice.ts'
import type { Mix } from './profile.ts'
import type { Service } from './service.ts'

/** Bytes of the session table in one snapshot object: few, so that a table takes several. */
const TABLE_BYTES_MAX = 120

export type ServiceMachine<S, C extends JsonValue, R extends JsonValue> = StateMachine<
  SessionsState<S>,
  SessionCommand<C>,
  SessionResult<R>
>

/** A service's machine with sessions around it. */
export const machineWithSessions = <S, C extends JsonValue, R extends JsonValue>({
  machine,
}: Service<S, C, R>): ServiceMachine<S, C, R> => withSessions(machine, { objectBytesMax: TABLE_BYTES_MAX })

/** The same for each server, but cut into objects of another size: any two cuts may meet in one transfer. */
export const variedMachines = <S, C extends JsonValue, R extends JsonValue>(
  service: Service<S, C, R>,
  seed: number,
): ((id: NodeId) => ServiceMachine<S, C, R>) => {
  const dice = new Dice('cuts', seed)
  const made = new Map<NodeId, ServiceMachine<S, C, R>>()
  return (id) => {
    const known = made.get(id)
    if (known !== undefined) return known
    const machine = service.machineOf?.(made.size) ?? service.machine
    const varied = withSessions(machine, { objectBytesMax: dice.integer(TABLE_BYTES_MAX / 2, TABLE_BYTES_MAX * 2) })
    made.set(id, varied)
    return varied
  }
}

/** When each server takes a snapshot, and how much of its log it keeps. */
export const variedCompactions = (
  { snapshotEntries = 100, trailingEntries = 0 }: Partial<Options>,
  seed: number,
): ((id: NodeId) => Partial<Options>) => {
  const dice = new Dice('compactions', seed)
  const drawn = new Map<NodeId, Partial<Options>>()
  return (id) => {
    const known = drawn.get(id)
    if (known !== undefined) return known
    const options = {
      snapshotEntries: dice.integer(Math.ceil(snapshotEntries / 2), 2 * snapshotEntries),
      trailingEntries: dice.chance(0.5) ? trailingEntries : dice.integer(0, 2 * snapshotEntries),
    }
    drawn.set(id, options)
    return options
  }
}

/** A cluster's first configuration: all are voters, or one learns, or it is joint and stays so. */
export const configurationAtBirth = (birth: Mix['birth'], size: number, seed: number): Configuration => {
  const ids = Array.from({ length: size }, (_, at) => nodeId(`n${at + 1}`))
  if (birth === 'voters' || size < 3) return configurationOf(ids)
  const [one, two, ...others] = new Dice('birth', seed).shuffle(ids)
  if (one === undefined || two === undefined || birth === 'learners')
    return configurationOf(
      ids.filter((id) => id !== one),
      one === undefined ? [] : [one],
    )
  return configurationOf([one, ...others], [], [two, ...others])
}
