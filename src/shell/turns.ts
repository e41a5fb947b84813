/** Work that is done in turns of the event loop of its own: timers, peers and clients come in between. */
export class Turns {
  private count = 0

  get isWaiting(): boolean {
    return this.count > 0
  }

  run(task: () => void): void {
    this.count++
    setTimeout(() => {
      this.count--
      task()
    }, 0)
  }
}
