/** A server's disk as the lab sees it: two blobs, written together or not at all. */
export class Persister {
  private raftState = ''
  private snapshot = ''

  /** One atomic write of both. */
  save(raftState: string, snapshot: string): void {
    this.raftState = raftState
    this.snapshot = snapshot
  }

  readRaftState(): string {
    return this.raftState
  }

  readSnapshot(): string {
    return this.snapshot
  }

  raftStateSize(): number {
    return this.raftState.length
  }

  snapshotSize(): number {
    return this.snapshot.length
  }

  /** What a crash leaves: writes of the old incarnation no longer reach it. */
  copy(): Persister {
    const copy = new Persister()
    copy.save(this.raftState, this.snapshot)
    return copy
  }
}
