import { closeSync, existsSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import { decodeTrace } from '../trace/decode.ts'
import { CORE_VERSION, hasHashes, type Trace } from '../trace/format.ts'
import { EXIT } from './exit.ts'
import { reasonOf } from './reason.ts'

/* What the verbs over files have in common: reading, writing, and failing in one voice. */

/** A file cannot be used as what it was given for; the message says where and why. */
export class InputProblem extends Error {
  override readonly name = 'InputProblem'
}

/** Runs a verb; an input that cannot be used ends it with its own exit code. */
export const overFiles = async (verb: string, run: () => number | Promise<number>): Promise<number> => {
  try {
    return await run()
  } catch (problem) {
    if (!(problem instanceof InputProblem)) throw problem
    process.stderr.write(`raft ${verb}: ${problem.message}\n`)
    return EXIT.input
  }
}

/** A file's bytes, unpacked if they are gzip's; with `partial`, as far as they go. @throws InputProblem */
export const readBytes = (file: string, partial = false): Buffer => {
  try {
    return unpacked(readFileSync(file), partial)
  } catch (error) {
    throw new InputProblem(`${file}: ${reasonOf(error)}`)
  }
}

/** What gzip has packed may be this long: a small file can unpack to more than any memory. */
const UNPACKED_MAX = 2 ** 31

/** What gzip has packed is unpacked; anything else stays. @throws Error for damaged gzip. */
export const unpacked = (bytes: Buffer, partial = false): Buffer => {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const finishFlush = partial ? constants.Z_SYNC_FLUSH : constants.Z_FINISH
  return gunzipSync(bytes, { maxOutputLength: UNPACKED_MAX, finishFlush })
}

/** Writes a file, packed if its name ends in .gz. @throws InputProblem */
export const writeText = (file: string, text: string): void => {
  try {
    writeFileSync(file, file.endsWith('.gz') ? gzipSync(text) : text)
  } catch (error) {
    throw new InputProblem(`${file}: ${reasonOf(error)}`)
  }
}

/** Finds out whether a file can be written, and leaves it as it is. @throws InputProblem */
export const tryWriting = (file: string): void => {
  try {
    const isNew = !existsSync(file)
    closeSync(openSync(file, 'a'))
    if (isNew) unlinkSync(file)
  } catch (error) {
    throw new InputProblem(`${file}: ${reasonOf(error)}`)
  }
}

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/** The longest line of a file, in bytes: a text of more cannot be made. */
const LINE_MAX = 2 ** 28

/**
 * Lines without making one text of them all, which a long trace would be too long for.
 * @throws InputProblem for a line that is too long
 */
export function* linesOf(bytes: Buffer): Generator<string> {
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(LINE_FEED, start)
    const end = found === -1 ? bytes.length : found
    if (end - start > LINE_MAX) throw new InputProblem(`a line is longer than ${LINE_MAX} bytes`)
    // What Windows adds is no part of a line: a byte order mark at the front, a CR at the end.
    const line = bytes.toString('utf8', start, bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end)
    yield start === 0 ? line.replace(/^\uFEFF/, '') : line
    start = end + 1
  }
}

/** @throws InputProblem for a file that is no trace, or a damaged one. */
export const readTrace = (verb: string, file: string, partial: boolean): Trace => {
  const decoded = decodeTrace(linesOf(readBytes(file, partial)), { partial })
  if ('error' in decoded) throw new InputProblem(`${file}:${decoded.error.line}: ${decoded.error.reason}`)
  const { core, v } = decoded.trace.header
  if (!hasHashes({ v })) process.stderr.write(`raft ${verb}: a trace of format ${v}: its hashes are not compared\n`)
  if (core !== CORE_VERSION)
    process.stderr.write(`raft ${verb}: recorded by ${core}, replayed by ${CORE_VERSION}: it may diverge\n`)
  return decoded.trace
}
