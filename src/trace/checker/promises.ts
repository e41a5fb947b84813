import type { NodeId } from '../../core/ids.ts'
import type { Send } from '../../core/output.ts'
import type { Rpc } from '../../core/rpc.ts'
import type { Witness } from './witness.ts'

/**
 * Who hears a promise knows that its save is done, whether or not the one who gave it has been told. A message is known
 * as the very object that was promised; where it went through a file, by the step it came from, or else by its text:
 * unless an equal one had left before, which this may be.
 */
export class Promises {
  private readonly texts: Set<string> | null

  /** @param isRead whether messages went through a file */
  constructor(isRead: boolean) {
    this.texts = isRead ? new Set() : null
  }

  /** A message leaves. */
  left({ id }: Witness, { to, rpc }: Send): void {
    if (this.texts !== null && MAY_WAIT.has(rpc.type)) this.texts.add(textOf(id, to, rpc))
  }

  /** The save that is done, as this message was heard; null when it tells of none. */
  heard({ id, durable }: Witness, { to, rpc }: Send, src: number | null): number | null {
    const { texts } = this
    if (texts === null || !MAY_WAIT.has(rpc.type)) return durable.promising(to, (promised) => promised === rpc)
    const text = textOf(id, to, rpc)
    if (src === null && texts.has(text)) return null
    return durable.promising(to, (promised, i) => (src === null || src === i) && textOf(id, to, promised) === text)
  }
}

/** What is ever promised on a save. */
const MAY_WAIT: ReadonlySet<Rpc['type']> = new Set([
  'RequestVote',
  'RequestVoteResponse',
  'AppendEntriesResponse',
  'InstallSnapshotResponse',
])

const textOf = (from: NodeId, to: NodeId, rpc: Rpc): string => `${from}>${to} ${JSON.stringify(rpc)}`
