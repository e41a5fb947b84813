import { UsageError } from '../../src/core/assert.ts'
import type { Configuration } from '../../src/core/membership/configuration.ts'
import type { CommandEntry, Entry, JsonValue } from '../../src/core/entry.ts'
import { jsonBytes } from '../../src/core/json.ts'
import { INDEX_ZERO, TERM_ZERO, index, nodeId, successor, term, type Index, type Term } from '../../src/core/ids.ts'
import type { HardState, Save } from '../../src/core/output.ts'
import type { Remains } from '../../src/core/start.ts'
import type { Persister } from './persister.ts'

interface Position {
  readonly index: Index
  readonly term: Term
}

/**
 * What this server's disk holds, built from nothing but the core's saves, so that a save that forgets something shows
 * after the next crash. As text: a line of the hard state, the snapshot's end and the log's base, then a line an entry.
 * Adding entries costs nothing but them, however long the log.
 */
export class DurableState {
  private hardState: HardState = { currentTerm: TERM_ZERO, votedFor: null }
  private snapshotEnd: Position = { index: INDEX_ZERO, term: TERM_ZERO }
  private base: Position = { index: INDEX_ZERO, term: TERM_ZERO }
  private lines: string[] = []
  /** The lines, joined. */
  private text = ''
  private blob = ''

  /** What was written before; a disk never written holds a server that never ran. */
  static read(persister: Persister): DurableState {
    const state = new DurableState()
    const [head, ...lines] = persister.readRaftState().split('\n')
    if (head === undefined || head === '') return state
    const [currentTerm, votedFor = '', endIndex, endTerm, baseIndex, baseTerm] = head.split(' ')
    state.hardState = {
      currentTerm: term(Number(currentTerm)),
      votedFor: votedFor === '-' ? null : nodeId(votedFor),
    }
    state.snapshotEnd = { index: index(Number(endIndex)), term: term(Number(endTerm)) }
    state.base = { index: index(Number(baseIndex)), term: term(Number(baseTerm)) }
    state.setLines(lines)
    state.blob = persister.readSnapshot()
    return state
  }

  get snapshotIndex(): Index {
    return this.snapshotEnd.index
  }

  get snapshot(): string {
    return this.blob
  }

  /** Carries out a save, in the order that it asks for. `received` is the blob of a snapshot it may adopt. */
  carryOut(save: Save, received: string): void {
    if (save.hardState !== null) this.hardState = save.hardState
    if (save.truncateFrom !== null) this.setLines(this.lines.slice(0, save.truncateFrom - this.base.index - 1))
    for (const entry of save.entries) {
      const line = lineOf(entry)
      this.lines.push(line)
      this.text += `\n${line}`
    }
    if (save.snapshot !== null) {
      this.snapshotEnd = { index: save.snapshot.lastIncludedIndex, term: save.snapshot.lastIncludedTerm }
      this.blob = received
    }
    if (save.compactTo === null) return
    this.setLines(this.lines.slice(save.compactTo.index - this.base.index))
    this.base = save.compactTo
  }

  /** The service's own snapshot. The log may keep what it covers until a save says otherwise. */
  takeSnapshot(end: Position, blob: string): void {
    this.snapshotEnd = end
    this.blob = blob
  }

  writeTo(persister: Persister): void {
    const { hardState, snapshotEnd, base } = this
    const votedFor = hardState.votedFor ?? '-'
    const head = [hardState.currentTerm, votedFor, snapshotEnd.index, snapshotEnd.term, base.index, base.term].join(' ')
    persister.save(head + this.text, this.blob)
  }

  /** For the core's `restart`. */
  remains(configuration: Configuration): Pick<Remains, 'hardState' | 'snapshot' | 'base' | 'entries'> {
    return {
      hardState: this.hardState,
      snapshot: {
        lastIncludedIndex: this.snapshotEnd.index,
        lastIncludedTerm: this.snapshotEnd.term,
        configuration,
        configurationIndex: INDEX_ZERO,
      },
      base: this.base,
      entries: this.lines.map((line, at) => entryOf(line, successor(this.base.index, at + 1))),
    }
  }

  private setLines(lines: readonly string[]): void {
    this.lines = [...lines]
    this.text = lines.map((line) => `\n${line}`).join('')
  }
}

const lineOf = (entry: Entry): string => {
  if (entry.type !== 'command') throw new UsageError('the lab knows only commands', { type: entry.type })
  return `${entry.term} ${JSON.stringify(entry.command)}`
}

const entryOf = (line: string, at: Index): CommandEntry => {
  const space = line.indexOf(' ')
  const command = JSON.parse(line.slice(space + 1)) as JsonValue
  return { type: 'command', index: at, term: term(Number(line.slice(0, space))), bytes: jsonBytes(command), command }
}
