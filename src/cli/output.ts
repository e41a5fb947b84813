import { EXIT } from './exit.ts'
import { reasonOf } from './reason.ts'

/**
 * What becomes of a process whose output cannot be written. A reader that has seen enough, as in `| head`, is no failure;
 * anything else, a full disk say, ends it with one line and an exit code of its own: no verdict may be read from it.
 */
export const guardOutput = (): void => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    process.stderr.write(`raft: the output cannot be written: ${reasonOf(error)}\n`)
    process.exit(EXIT.output)
  })
  // There is no further place to report that stderr cannot be written.
  process.stderr.on('error', () => undefined)
}
