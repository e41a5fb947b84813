import type { NodeId } from '../../core/ids.ts'
import type { Message } from '../../core/message.ts'
import { sendsOf, type Output, type Send } from '../../core/output.ts'
import type { Rpc } from '../../core/rpc.ts'
import { Ints } from './ints.ts'

/** Messages that a link remembers: one that is later than so many others counts as lost. */
const REMEMBERED = 4096

interface Offer {
  readonly ordinal: number
  readonly key: string
  isUsed: boolean
}

interface HeldSave {
  readonly event: number
  readonly sequence: number
  /** Ordinals of what leaves with it. */
  readonly sends: readonly number[]
}

/**
 * Joins what was sent to what was received, in one pass over a trace: a receive is that of the earliest equal message
 * of its link which has not arrived, else a second copy of the latest. Every send has an ordinal, in the order of the
 * outputs; positions are those of events.
 */
export class Traffic {
  /** By ordinal: the event that sent it, the one with which it left (its save was durable), and of its first arrival. */
  readonly sentAt = new Ints()
  readonly leftAt = new Ints()
  readonly arrivedAt = new Ints()
  /** Further arrivals of the same message. */
  readonly copies = new Map<number, number[]>()
  /** By event: the ordinal of what it received, and of its first send; −1 where there is none. */
  readonly origin = new Ints()
  readonly firstSend = new Ints()
  /** By event: the one at which its save was durable; −1 where it was not seen to be. */
  readonly durableAt = new Ints()
  private readonly links = new Map<string, Offer[]>()
  private readonly held = new Map<NodeId, HeldSave[]>()

  /** An event that is no step. */
  skip(): void {
    this.origin.push(-1)
    this.firstSend.push(-1)
    this.durableAt.push(-1)
  }

  step(event: number, node: NodeId, message: Message, outputs: readonly Output[]): void {
    this.origin.push(message.type === 'receive' ? this.arrive(event, message.from, node, message.rpc) : -1)
    this.durableAt.push(-1)
    if (message.type === 'saved') this.saved(event, node, message.sequence)
    const first = this.sentAt.length
    const sends = sendsOf(outputs)
    this.firstSend.push(sends.length === 0 ? -1 : first)
    for (const send of sends) this.send(event, node, send)
    let ordinal = first
    for (const output of outputs) {
      if (output.type === 'send') {
        this.leftAt.set(ordinal++, event)
        continue
      }
      if (output.type !== 'save') continue
      const promised = output.then.map((_, at) => ordinal + at)
      ordinal += promised.length
      const known = this.held.get(node)
      const save = { event, sequence: output.sequence, sends: promised }
      if (known === undefined) this.held.set(node, [save])
      else known.push(save)
    }
  }

  /** A node stops: what it had not written will not be, and its promises never leave. */
  crash(node: NodeId): void {
    this.held.delete(node)
  }

  /** Saves under way on a node, as the events that asked for them. */
  savesOf(node: NodeId): readonly number[] {
    return (this.held.get(node) ?? []).map(({ event }) => event)
  }

  private send(event: number, from: NodeId, { to, rpc }: Send): void {
    const ordinal = this.sentAt.push(event)
    this.leftAt.push(-1)
    this.arrivedAt.push(-1)
    const link = `${from}>${to}`
    const offers = this.links.get(link)
    const offer = { ordinal, key: keyOf(rpc), isUsed: false }
    if (offers === undefined) this.links.set(link, [offer])
    else {
      offers.push(offer)
      if (offers.length > REMEMBERED) offers.splice(0, REMEMBERED / 2)
    }
  }

  private arrive(event: number, from: NodeId, to: NodeId, rpc: Rpc): number {
    const offers = this.links.get(`${from}>${to}`)
    if (offers === undefined) return -1
    const key = keyOf(rpc)
    let latest: Offer | null = null
    for (const offer of offers) {
      if (offer.key !== key) continue
      latest = offer
      if (!offer.isUsed) break
    }
    if (latest === null) return -1
    const { ordinal } = latest
    if (latest.isUsed) {
      const copies = this.copies.get(ordinal)
      if (copies === undefined) this.copies.set(ordinal, [event])
      else copies.push(event)
      return ordinal
    }
    latest.isUsed = true
    this.arrivedAt.set(ordinal, event)
    // What has arrived has left, whether or not the answer of the disk was recorded before.
    if (this.leftAt.at(ordinal) === -1) this.leftAt.set(ordinal, this.sentAt.at(ordinal))
    this.forget(offers)
    return ordinal
  }

  /** Arrived messages at the front are kept for their duplicates, but not for ever. */
  private forget(offers: Offer[]): void {
    let used = 0
    while (used < offers.length && offers[used]?.isUsed === true) used++
    if (used > 64) offers.splice(0, used - 16)
  }

  private saved(event: number, node: NodeId, sequence: number): void {
    const held = this.held.get(node) ?? []
    for (const save of held) {
      if (save.sequence > sequence) continue
      this.durableAt.set(save.event, event)
      for (const ordinal of save.sends) if (this.leftAt.at(ordinal) === -1) this.leftAt.set(ordinal, event)
    }
    this.held.set(
      node,
      held.filter((save) => save.sequence > sequence),
    )
  }
}

/** Equal for equal messages of one link, and cheap. */
const keyOf = (rpc: Rpc): string => {
  switch (rpc.type) {
    case 'RequestVote':
      return `V${rpc.term} ${rpc.lastLogIndex}/${rpc.lastLogTerm}`
    case 'RequestPreVote':
      return `P${rpc.term} ${rpc.lastLogIndex}/${rpc.lastLogTerm} ${rpc.question ?? ''}`
    case 'RequestVoteResponse':
      return `v${rpc.term} ${rpc.voteGranted}`
    case 'RequestPreVoteResponse':
      return `p${rpc.term} ${rpc.voteGranted} ${rpc.question ?? ''}`
    case 'AppendEntries': {
      const last = rpc.entries.at(-1)
      return `A${rpc.term} ${rpc.prevLogIndex} ${last?.index ?? ''}/${last?.term ?? ''} ${rpc.leaderCommit} ${rpc.round}`
    }
    case 'AppendEntriesResponse':
      return rpc.success
        ? `a${rpc.term} ${rpc.matchIndex} ${rpc.round}`
        : `r${rpc.term} ${rpc.rejectedIndex} ${rpc.conflictIndex}/${rpc.conflictTerm} ${rpc.round}`
    case 'InstallSnapshot':
      return `S${rpc.transferId} ${rpc.position} ${rpc.objectId} ${rpc.startsOver} ${rpc.term}`
    case 'InstallSnapshotResponse':
      return `s${rpc.transferId} ${rpc.status} ${rpc.nextObjectId} ${rpc.digest} ${rpc.installedIndex} ${rpc.term}`
  }
}
