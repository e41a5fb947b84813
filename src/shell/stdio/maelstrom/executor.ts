import { unreachable } from '../../../core/assert.ts'
import type { KvNode, Result } from '../context.ts'
import type { NodeOutput } from '../../node.ts'
import { readResult, type Task } from './task.ts'

/** Who wants to know what becomes of a task. */
export interface Asker {
  /** The task is in the leader's log: from now on it may take effect whatever happens. */
  readonly accepted?: () => void
  readonly answered: (result: Result) => void
}

interface Execution {
  readonly key: string
  readonly task: Task
  readonly asker: Asker
}

/**
 * The leader's half: carries out tasks by means of the core, reads by ReadIndex, commands by the log. What it cannot
 * carry out it forgets without a word, for the asker will ask again.
 */
export class Executor {
  private readonly node: KvNode
  private readonly executions = new Map<number, Execution>()
  private readonly keys = new Set<string>()
  private lastId = 0

  constructor(node: KvNode) {
    this.node = node
  }

  /**
   * Starts on a task, unless it is at it already: the network may duplicate, and askers repeat themselves. `name` is the
   * task's, whoever asks. In another term it is started anew, as what was begun in the old one may be lost.
   */
  execute(name: string, task: Task, asker: Asker): void {
    const key = `${this.node.replica.raft.server.currentTerm} ${name}`
    if (this.keys.has(key)) return
    const id = ++this.lastId
    this.keys.add(key)
    this.executions.set(id, { key, task, asker })
    if (task.type === 'read') this.node.deliver({ type: 'read', id, mode: 'quorum' })
    else this.node.deliver({ type: 'propose', id, commands: [task.command] })
  }

  /** Hears what the node says, and tells those whom it concerns. */
  handle(output: NodeOutput<Result>): void {
    switch (output.type) {
      case 'accepted':
        return this.find(output.id)?.asker.accepted?.()
      case 'completed': {
        const [result] = output.results
        return result === undefined ? undefined : this.end(output.id)?.asker.answered(result)
      }
      case 'readable': {
        const execution = this.end(output.id)
        if (execution?.task.type !== 'read') return
        return execution.asker.answered(readResult(this.node.replica.machine, execution.task.key))
      }
      case 'refused':
      case 'lost':
        this.end(output.id)
        return
      case 'note':
      case 'applied':
        return
      default:
        return unreachable(output)
    }
  }

  private find(id: number | string): Execution | undefined {
    return this.executions.get(Number(id))
  }

  private end(id: number | string): Execution | undefined {
    const execution = this.find(id)
    if (execution === undefined) return undefined
    this.executions.delete(Number(id))
    this.keys.delete(execution.key)
    return execution
  }
}
