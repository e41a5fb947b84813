import { Buffer } from 'node:buffer'
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import type { TraceSink } from '../shell/observer.ts'
import { InputProblem } from './files.ts'
import { reasonOf } from './reason.ts'

/** Writes bytes from an offset on, perhaps not all of them; returns how many. */
type Write = (descriptor: number, bytes: Buffer, from: number) => number

/**
 * Opens a file for a trace, which begins where nothing is: a trace that is there already is never overwritten, be it a
 * crash's or that of a node that still runs. Lines are written as they come: a process that is killed leaves a trace
 * that ends there.
 *
 * A node does not die of its trace. When a line cannot be written, on a full disk say, the trace ends with the line
 * before, `log` gets the reason, and the node goes on unrecorded.
 * @throws InputProblem when the file cannot be written, or is not empty.
 */
export const openTrace = (
  file: string,
  log: (text: string) => void,
  write: Write = (descriptor, bytes, from) => writeSync(descriptor, bytes, from),
): TraceSink => {
  const descriptor = openEmpty(file)
  let isOpen = true
  return {
    write: (line) => {
      if (!isOpen) return
      try {
        writeAll(descriptor, Buffer.from(`${line}\n`), write)
      } catch (error) {
        isOpen = false
        log(`${file}: the trace ends here, cut short: ${reasonOf(error)}; the node goes on (replay it with --partial)`)
      }
    },
    now: () => performance.now(),
  }
}

const openEmpty = (file: string): number => {
  let descriptor: number
  try {
    // To append: whatever happens between the look at its size and the first line, nothing is overwritten.
    descriptor = openSync(file, 'a')
  } catch (error) {
    throw new InputProblem(`${file}: the trace cannot be written: ${reasonOf(error)}`)
  }
  const stats = fstatSync(descriptor)
  if (!stats.isFile() || stats.size === 0) return descriptor
  closeSync(descriptor)
  throw new InputProblem(
    `${file}: is not empty, and a trace is never overwritten: name another file after --trace, or move this one away`,
  )
}

const writeAll = (descriptor: number, bytes: Buffer, write: Write): void => {
  for (let from = 0; from < bytes.length;) {
    const written = write(descriptor, bytes, from)
    if (written <= 0) throw new Error('nothing could be written')
    from += written
  }
}
