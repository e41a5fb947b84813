import type { NodeId } from '../../core/ids.ts'
import type { Message } from '../../core/message.ts'
import type { Output, Save, Send } from '../../core/output.ts'
import type { RaftState } from '../../core/state.ts'

interface Sent {
  readonly step: number
  readonly send: Send
}

/**
 * What may lawfully happen next, whatever was recorded: a network may deliver anything that was ever sent, a disk may
 * answer any save, a machine report what it was handed. A promise counts as sent when its save is answered.
 */
export class InFlight {
  private readonly sent = new Map<string, Sent>()
  private readonly saves = new Map<NodeId, { readonly step: number; readonly save: Save }[]>()
  private readonly applies = new Map<NodeId, number>()

  /** Takes note of what a step sent, saved and handed out. */
  add(node: NodeId, step: number, outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.type === 'send') this.sent.set(keyOf(node, output), { step, send: output })
      else if (output.type === 'save') this.savesOf(node).push({ step, save: output })
      else if (output.type === 'apply') this.applies.set(node, step)
    }
  }

  /** A save was answered, and with it every earlier one. */
  saved(node: NodeId, sequence: number): void {
    const saves = this.savesOf(node)
    for (const { step, save } of saves)
      if (save.sequence <= sequence) for (const send of save.then) this.sent.set(keyOf(node, send), { step, send })
    this.saves.set(
      node,
      saves.filter(({ save }) => save.sequence > sequence),
    )
  }

  /** The node has lost what it had not been told was durable; what was sent is still under way. */
  crash(node: NodeId): void {
    this.saves.delete(node)
    this.applies.delete(node)
  }

  /** A message of the same kind that is lawful now, and the step that it comes from. */
  alike(message: Message, state: RaftState): { readonly message: Message; readonly step: number } | null {
    const { id } = state.server
    if (message.type === 'receive') {
      const found = this.sent.get(`${message.from}>${id} ${message.rpc.type}`)
      return found === undefined ? null : { message: { ...message, rpc: found.send.rpc }, step: found.step }
    }
    if (message.type === 'saved') {
      const last = this.savesOf(id).at(-1)
      if (last === undefined) return null
      const { sequence, lastIndex } = last.save
      return { message: { type: 'saved', sequence, lastIndex }, step: last.step }
    }
    const step = this.applies.get(id)
    if (message.type !== 'applied' || step === undefined || state.server.applyingIndex === state.server.lastApplied)
      return null
    return { message: { type: 'applied', index: state.server.applyingIndex }, step }
  }

  private savesOf(node: NodeId): { readonly step: number; readonly save: Save }[] {
    const known = this.saves.get(node)
    if (known !== undefined) return known
    const saves: { readonly step: number; readonly save: Save }[] = []
    this.saves.set(node, saves)
    return saves
  }
}

const keyOf = (from: NodeId, { to, rpc }: Send): string => `${from}>${to} ${rpc.type}`
