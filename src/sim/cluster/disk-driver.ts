import type { ReplicaMessage } from '../../machine/replica-state.ts'
import type { Send } from '../../core/output.ts'
import type { Dice } from '../dice.ts'
import type { DiskWrite, OwnSnapshot } from './disk-contents.ts'
import type { EventQueue } from './event-queue.ts'
import type { CrashReason, DiskFault, Member, SimEvent } from './member.ts'

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
    if (this.isShared) return member.disk.gather(write)
    member.disk.enqueue(write)
    this.schedule(member)
  }

  /** After a step: what has gathered is written, unless the disk is busy. */
  flush(member: Member<S, R>): void {
    if (!this.isShared) return
    const { hasBatch, snapshots } = member.disk.begin()
    if (hasBatch) this.schedule(member)
    for (const write of snapshots) this.scheduleBeside(member, write)
  }

  /** The oldest batch is done: what waited for it leaves, then the replica is answered, all saves as one. */
  finish(member: Member<S, R>): void {
    if (member.diskFault !== null) return this.fail(member, member.diskFault)
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

  /** A snapshot that was written beside the batches is done, or has no room. */
  finishBeside(member: Member<S, R>, write: OwnSnapshot): void {
    const { diskFault, disk } = member
    const index = write.snapshot.lastIncludedIndex
    if (diskFault === 'failing') return this.host.kill(member, 'write failed')
    if (diskFault === null) disk.finishBeside(write)
    else disk.dropBeside(write)
    this.host.step(
      member,
      diskFault === null ? { type: 'snapshotTaken', index } : { type: 'snapshotFailed', index, reason: 'disk full' },
    )
  }

  private schedule(member: Member<S, R>): void {
    const { now, dice, queue } = this.host
    member.diskBusyUntil = Math.max(member.diskBusyUntil, now + dice.within(member.diskDelay))
    queue.push(member.diskBusyUntil, { type: 'written', member, life: member.life })
  }

  /** Not before the batch it began with: the terms and entries of that are what the snapshot speaks of. */
  private scheduleBeside(member: Member<S, R>, write: OwnSnapshot): void {
    const { now, dice, queue } = this.host
    const at = Math.max(member.diskBusyUntil, now + dice.within(member.diskDelay))
    queue.push(at, { type: 'snapshotWritten', member, life: member.life, write })
  }

  /** A server goes on without a snapshot of its own for which there was no room. Nothing else may fail. */
  private fail(member: Member<S, R>, fault: DiskFault): void {
    const write = member.disk.next
    if (fault === 'failing') return this.host.kill(member, 'write failed')
    if (write?.type !== 'snapshot') return this.host.kill(member, 'disk full')
    member.disk.refuse()
    this.host.step(member, { type: 'snapshotFailed', index: write.snapshot.lastIncludedIndex, reason: 'disk full' })
  }
}
