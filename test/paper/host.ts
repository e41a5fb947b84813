import type { Entry } from '../../src/core/entry.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output, Save, Send } from '../../src/core/output.ts'
import { restart, type Remains } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'

export type Disk = Remains & Required<Pick<Remains, 'base'>>

/** A server with its disk, and a state machine that remembers all it was handed. */
export class Host {
  /** Null while it is down. */
  private running: RaftState | null
  private disk: Disk
  /** Saves that are not on the disk yet, and those that are, without the server knowing. */
  private unwritten: readonly Save[] = []
  private unanswered: readonly Save[] = []
  applied: readonly Entry[] = []
  /** What of that its latest snapshot holds. */
  private captured: readonly Entry[] = []

  constructor(disk: Disk) {
    this.disk = disk
    this.running = restart(disk)
  }

  get isUp(): boolean {
    return this.running !== null
  }

  get state(): RaftState {
    if (this.running === null) throw new Error(`${this.disk.id} is down`)
    return this.running
  }

  /** Takes a message and what follows of it here; returns what is sent. Saves wait for `save` unless `savesAtOnce`. */
  run(message: Message, savesAtOnce: boolean): readonly Send[] {
    const sends: Send[] = []
    const inbox: Message[] = [message]
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      const [state, outputs] = step(this.state, next)
      this.running = state
      sends.push(...outputs.filter((output) => output.type === 'send'))
      this.unwritten = [...this.unwritten, ...outputs.filter((output) => output.type === 'save')]
      for (const output of outputs) inbox.push(...this.perform(output))
      if (savesAtOnce) sends.push(...this.save())
    }
    return sends
  }

  private perform(output: Output): readonly Message[] {
    switch (output.type) {
      case 'apply':
        this.applied = [...this.applied, ...output.entries]
        return output.entries.slice(-1).map(({ index }) => ({ type: 'applied', index }))
      case 'readObject': {
        const data = JSON.stringify(this.captured)
        return [{ ...output, type: 'objectRead', data, nextObjectId: null }]
      }
      case 'saveObject':
        this.captured = JSON.parse(output.data) as Entry[]
        return [{ ...output, type: 'objectSaved', nextObjectId: 0 }]
      case 'installSnapshot':
        this.applied = this.captured
        return [{ type: 'snapshotInstalled', transferId: output.transferId }]
      case 'save':
      case 'send':
      case 'accepted':
      case 'refused':
      case 'readReady':
      case 'takeSnapshot':
      case 'transferEnded':
      case 'note':
        return []
    }
  }

  /** Everything asked for reaches the disk; the server does not know yet. */
  write(): void {
    for (const save of this.unwritten) this.disk = written(this.disk, save)
    this.unanswered = [...this.unanswered, ...this.unwritten]
    this.unwritten = []
  }

  /** Everything asked for is durable; returns what was promised about it, and what follows. */
  save(): readonly Send[] {
    this.write()
    const saves = this.unanswered
    this.unanswered = []
    return saves.flatMap(({ then, sequence, lastIndex }) => [
      ...then,
      ...this.run({ type: 'saved', sequence, lastIndex }, true),
    ])
  }

  /** A snapshot of all that is applied. */
  snapshot(): readonly Send[] {
    this.captured = this.applied
    const sends = this.run({ type: 'snapshotTaken', index: this.state.server.lastApplied }, true)
    this.disk = { ...this.disk, snapshot: this.state.server.snapshot }
    return sends
  }

  crash(): void {
    this.running = null
    this.unwritten = []
    this.unanswered = []
  }

  restart(): void {
    this.running = restart(this.disk)
    this.applied = this.captured
  }
}

const written = (disk: Disk, save: Save): Disk => {
  const base = save.compactTo ?? disk.base
  const kept = disk.entries.filter(({ index }) => index < (save.truncateFrom ?? Infinity))
  return {
    ...disk,
    hardState: save.hardState ?? disk.hardState,
    snapshot: save.snapshot ?? disk.snapshot,
    base,
    entries: [...kept, ...save.entries].filter(({ index }) => index > base.index),
  }
}
