import type { KvCommand } from '../../../machine/kv/kv.ts'
import type { Command } from '../context.ts'

/**
 * Commands under way at once, at most: as many responses as the machine keeps for a client (`responsesMax`), so that
 * it never drops one that is still wanted.
 */
const WINDOW = 256

/**
 * A node's own numbering of what its clients write (thesis 6.3). It lets a command be sent as often as need be: the
 * replicated table of sessions sees to it that it takes effect once.
 */
export class Session {
  /** Never used before, by nobody: an earlier life of the node had another one. */
  readonly client: string
  /** The cluster knows of the session. */
  isOpen = false
  private next = 1
  /** Every number up to here is finished. */
  private acknowledged = 0
  /** Finished numbers above `acknowledged`. */
  private readonly finished = new Set<number>()

  constructor(client: string) {
    this.client = client
  }

  /** The number for a further command; null while none may start. */
  draw(): number | null {
    return this.isOpen && this.next - this.acknowledged <= WINDOW ? this.next++ : null
  }

  /** Nobody waits for the command any more. If it has not taken effect by then it may or may not do so. */
  finish(sequence: number): void {
    this.finished.add(sequence)
    while (this.finished.delete(this.acknowledged + 1)) this.acknowledged++
  }

  get register(): Command {
    return { type: 'register', client: this.client }
  }

  /** The command under its number, to be sent any number of times until it is finished. */
  command(sequence: number, command: KvCommand): Command {
    return { type: 'apply', client: this.client, sequence, acknowledged: this.acknowledged, command }
  }
}
