import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId, type NodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { initial } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import type { Options } from '../../src/core/config.ts'

/** One server of the loop, with a disk and a state machine in memory that answer at once. */
interface Member {
  readonly id: NodeId
  state: RaftState
  applied: number
}

/**
 * A cluster in one thread: messages are handed over directly, every save is durable at once, snapshots are taken when
 * the policy asks. The same work as a production shell's loop, without disk and network.
 */
export class Loop {
  readonly members: Member[]
  steps = 0
  refused = 0
  private readonly queue: { to: Member; message: Message }[] = []
  private readonly byId = new Map<NodeId, Member>()

  constructor(size: number, options: Partial<Options> = {}) {
    const ids = Array.from({ length: size }, (_, at) => nodeId(`n${at + 1}`))
    this.members = ids.map((id) => ({
      id,
      applied: 0,
      state: initial({ id, configuration: configurationOf(ids), options }),
    }))
    for (const member of this.members) this.byId.set(member.id, member)
  }

  get leader(): Member {
    const leader = this.members.find(({ state }) => state.server.role.type === 'leader')
    if (leader === undefined) throw new Error('no leader')
    return leader
  }

  /** Delivers a message and everything that follows from it, until nothing is under way. */
  run(to: Member, message: Message): void {
    this.step(to, message)
    const { queue } = this
    for (let at = 0; at < queue.length; at++) {
      const next = queue[at]
      if (next !== undefined) this.step(next.to, next.message)
    }
    queue.length = 0
  }

  private step(member: Member, message: Message): void {
    this.steps++
    const [state, outputs] = step(member.state, message)
    member.state = state
    for (const output of outputs) this.perform(member, output)
  }

  private perform(member: Member, output: Output): void {
    switch (output.type) {
      case 'send':
        this.send(member, output)
        return
      case 'save':
        // The order of a real disk: durable first, then what was promised.
        for (const send of output.then) this.send(member, send)
        this.queue.push({
          to: member,
          message: { type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex },
        })
        return
      case 'apply': {
        const last = output.entries[output.entries.length - 1]
        if (last === undefined) return
        member.applied = last.index
        this.queue.push({ to: member, message: { type: 'applied', index: last.index } })
        return
      }
      case 'takeSnapshot':
        this.queue.push({ to: member, message: { type: 'snapshotTaken', index: output.snapshot.lastIncludedIndex } })
        return
      case 'refused':
        this.refused++
        return
      case 'accepted':
      case 'note':
      case 'readReady':
      case 'readObject':
      case 'saveObject':
      case 'installSnapshot':
      case 'transferEnded':
        return
    }
  }

  private send(from: Member, { to, rpc }: Extract<Output, { type: 'send' }>): void {
    const member = this.byId.get(to)
    if (member !== undefined) this.queue.push({ to: member, message: { type: 'receive', from: from.id, rpc } })
  }
}
