import type { Entry } from '../core/entry.ts'
import type { SessionCommand } from '../machine/sessions.ts'

/** Sees in what order the commands of each session are in the log. */
export class SessionOrder {
  private readonly newest = new Map<string, number>()
  private last = 0

  /** Whether one of these entries holds a command that is older than one before it; each entry is looked at once. */
  isRepeated(entries: readonly Entry[]): boolean {
    let isRepeated = false
    for (const entry of entries) {
      if (entry.index <= this.last || entry.type !== 'command') continue
      this.last = entry.index
      const command = entry.command as SessionCommand<null>
      if (command.type !== 'apply') continue
      const newest = this.newest.get(command.client) ?? 0
      if (command.sequence < newest) isRepeated = true
      this.newest.set(command.client, Math.max(newest, command.sequence))
    }
    return isRepeated
  }
}
