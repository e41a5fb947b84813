import type { ApplyMessage, Command } from './lab-raft.ts'
import { LabFailure } from './virtual-time.ts'

/** A snapshot is taken after applying an index that is one less than a multiple of this. */
export const SNAPSHOT_INTERVAL = 10

/** Every value that any incarnation of any server ever applied, by index. The lab forgets it with each restart. */
export type History = Map<number, Command>

/** The lab's state machine: it records what is applied, and judges it. One per incarnation. */
export class LabService {
  lastApplied = 0
  private readonly id: number
  private readonly history: History
  private readonly takeSnapshot: ((index: number, blob: string) => void) | null
  /** By index; slot 0 is empty. */
  private values: (Command | null)[] = [null]

  /** `takeSnapshot` is null in the tests without snapshots. */
  constructor(id: number, history: History, takeSnapshot: ((index: number, blob: string) => void) | null) {
    this.id = id
    this.history = history
    this.takeSnapshot = takeSnapshot
  }

  /** What was applied at an index, by this incarnation or in the snapshot it began with. */
  valueAt(index: number): Command | null {
    return this.values[index] ?? null
  }

  /** Starts from a persisted snapshot; an empty one is the initial state. */
  restore(blob: string): void {
    if (blob !== '' && this.takeSnapshot !== null) this.adopt(blob, null)
  }

  apply(message: ApplyMessage): void {
    if ('commandValid' in message) return this.applyCommand(message.commandIndex, message.command)
    if (this.takeSnapshot === null) throw new LabFailure(`server ${this.id} is sent a snapshot that nobody took`)
    this.adopt(message.snapshot, message.snapshotIndex)
  }

  private applyCommand(index: number, command: Command): void {
    this.judge(index, command)
    if (index > 1 && this.valueAt(index - 1) === null)
      throw new LabFailure(`server ${this.id} applies out of order: ${index} without ${index - 1}`)
    if (this.takeSnapshot !== null && index !== this.lastApplied + 1)
      throw new LabFailure(`server ${this.id} applies ${index}, expected ${this.lastApplied + 1}`)
    this.values[index] = command
    this.lastApplied = index
    if (this.takeSnapshot === null || (index + 1) % SNAPSHOT_INTERVAL !== 0) return
    this.takeSnapshot(index, JSON.stringify([index, this.values.slice(0, index + 1)]))
  }

  /** No server may ever have applied another value at this index. */
  private judge(index: number, command: Command): void {
    const known = this.history.get(index)
    if (known !== undefined && known !== command)
      throw new LabFailure(`commit index=${index} server=${this.id} ${command} != ${known}`)
    this.history.set(index, command)
  }

  private adopt(blob: string, snapshotIndex: number | null): void {
    const [index, values] = decode(blob)
    if (snapshotIndex !== null && snapshotIndex !== index)
      throw new LabFailure(`server ${this.id} is given snapshot ${index} as ${snapshotIndex}`)
    if (index < this.lastApplied)
      throw new LabFailure(`server ${this.id} goes back from ${this.lastApplied} to snapshot ${index}`)
    values.forEach((value, at) => {
      if (value !== null) this.judge(at, value)
    })
    this.values = [...values]
    this.lastApplied = index
  }
}

const decode = (blob: string): readonly [number, readonly (Command | null)[]] => {
  const decoded: unknown = blob === '' ? null : JSON.parse(blob)
  if (!Array.isArray(decoded)) throw new LabFailure('a snapshot is not what the service made')
  const [index, values] = decoded as unknown[]
  if (typeof index !== 'number' || !Array.isArray(values) || values.length !== index + 1)
    throw new LabFailure('a snapshot does not hold every command up to its index')
  return [index, values as (Command | null)[]]
}
