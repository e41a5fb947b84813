import type { Index } from '../../src/core/ids.ts'
import type { Ghost } from '../../src/trace/checker/index.ts'
import type { Staged } from './disk.ts'
import { textOf, type Memory } from './machine.ts'
import type { MachineWatcher, Member } from './member.ts'

/** What only a state machine can tell: that it holds what replaying the committed entries gives (SF, AIO). */
export class Memories implements MachineWatcher {
  private readonly ghost: Ghost

  constructor(ghost: Ghost) {
    this.ghost = ghost
  }

  applied({ id, memory }: Member, index: Index, text: string): void {
    if (index !== memory.length + 1)
      this.ghost.judge.refute('AIO', 'entries are applied in order, each once', { id, index, at: memory.length, text })
  }

  installed({ id, memory: old }: Member, { snapshot }: Staged, memory: Memory): void {
    const { lastIncludedIndex } = snapshot
    if (lastIncludedIndex <= old.length)
      this.ghost.judge.refute('AIO', 'a machine never goes back', { id, snapshot, at: old.length })
    this.isReplay(id, memory, lastIncludedIndex, 'a snapshot is what replaying the committed entries gives')
  }

  restarted({ id, disk, memory }: Member): void {
    const index = disk.snapshot.lastIncludedIndex
    this.isReplay(id, memory, index, 'after a crash a machine is what replaying what is committed gives')
  }

  private isReplay(id: string, memory: Memory, upTo: Index, claim: string): void {
    const expected = committedTexts(this.ghost, upTo)
    if (JSON.stringify(expected) !== JSON.stringify(memory))
      this.ghost.judge.refute('SF', claim, { id, expected, memory })
  }
}

/** What was committed so far, as a machine remembers it. */
export const committedTexts = (ghost: Ghost, upTo: Index = ghost.commitMax): Memory =>
  Array.from({ length: upTo }, (_, at) => {
    const entry = ghost.committedAt((at + 1) as Index)
    return entry === null ? '(unknown)' : textOf(entry)
  })
