import { invariant } from '../../core/assert.ts'
import type { ReplicaMessage } from '../../machine/replica-state.ts'
import type { Send } from '../../core/output.ts'
import type { Dice } from '../dice.ts'
import type { DiskWrite, OwnSnapshot } from './disk.ts'
import type { EventQueue } from './event-queue.ts'
import type { CrashReason, Member, SimEvent } from './member.ts'

/** What of an engine a disk needs. */
export interface DiskHost<S, R> {
  readonly now: number
  readonly queue: EventQueue<SimEvent<S, R>>
  readonly dice: Dice
  send(from: Member<S, R>, send: Send): void
  step(member: Member<S, R>, message: ReplicaMessage): void
  kill(member: Member<S, R>, why: CrashReason): void
}

/** Writes of the servers in virtual time: each by itself and in order, or shared as the shell shares them. */
export class DiskDriver<S, R> {
  private readonly host: DiskHost<S, R>
  private readonly isShared: boolean

  constructor(host: DiskHost<S, R>, isShared: boolean) {
    this.host = host
    this.isShared = isShared
  }

  write(member: Member<S, R>, write: DiskWrite): void {
    if (this.isShared) return write.type === 'snapshot' ? this.writeBeside(member, write) : member.disk.gather(write)
    member.disk.enqueue(write)
    this.schedule(member)
  }

  /** After a step: what has gathered is written, unless the disk is busy. */
  flush(member: Member<S, R>): void {
    if (this.isShared && member.disk.begin()) this.schedule(member)
  }

  /** The oldest batch is done: what waited for it leaves, then the replica is answered, all saves as one. */
  finish(member: Member<S, R>): void {
    if (member.diskFault !== null) return this.fail(member)
    let answer: ReplicaMessage | null = null
    for (const write of member.disk.complete()) {
      if (write.type === 'snapshot') answer = { type: 'snapshotTaken', index: write.snapshot.lastIncludedIndex }
      if (write.type !== 'save') continue
      for (const send of write.then) this.host.send(member, send)
      answer = { type: 'saved', sequence: write.sequence, lastIndex: write.lastIndex }
    }
    if (answer === null) this.flush(member)
    else this.host.step(member, answer)
  }

  /** A snapshot that was written beside the batches is done, or cannot be written. */
  finishBeside(member: Member<S, R>, write: OwnSnapshot): void {
    const index = write.snapshot.lastIncludedIndex
    const reason = reasonOf(member)
    if (reason === null) member.disk.finishBeside(write)
    else member.disk.dropBeside(write)
    this.host.step(
      member,
      reason === null ? { type: 'snapshotTaken', index } : { type: 'snapshotFailed', index, reason },
    )
  }

  private schedule(member: Member<S, R>): void {
    const { now, dice, queue } = this.host
    member.diskBusyUntil = Math.max(member.diskBusyUntil, now + dice.within(member.diskDelay))
    queue.push(member.diskBusyUntil, { type: 'written', member, life: member.life })
  }

  /** Not before the batch that is under way: its terms and entries are what the snapshot speaks of. */
  private writeBeside(member: Member<S, R>, write: OwnSnapshot): void {
    const { now, dice, queue } = this.host
    member.disk.writeBeside(write)
    const at = Math.max(member.diskBusyUntil, now + dice.within(member.diskDelay))
    queue.push(at, { type: 'snapshotWritten', member, life: member.life, write })
  }

  /** Without a snapshot of its own a server can go on; after a failed save it must send nothing any more. */
  private fail(member: Member<S, R>): void {
    const reason = reasonOf(member)
    invariant(reason !== null, 'a disk that fails has a reason')
    const write = member.disk.next
    if (write?.type !== 'snapshot') return this.host.kill(member, reason)
    member.disk.refuse()
    this.host.step(member, { type: 'snapshotFailed', index: write.snapshot.lastIncludedIndex, reason })
  }
}

const reasonOf = ({ diskFault }: { readonly diskFault: 'full' | 'failing' | null }) =>
  diskFault === null ? null : diskFault === 'full' ? 'disk full' : 'write failed'
