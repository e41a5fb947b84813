import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { InputProblem } from '../files.ts'
import type { Outcome } from './job.ts'
import type { RunLine } from './lines.ts'

const CHUNK_LINES = 10_000

/** Writes lines, packed if the name ends in .gz, without making one text of them all. @throws InputProblem */
export const writeLines = (file: string, lines: readonly string[]): void => {
  try {
    const descriptor = openSync(file, 'w')
    try {
      for (let at = 0; at < lines.length; at += CHUNK_LINES) {
        const chunk = Buffer.from(
          lines
            .slice(at, at + CHUNK_LINES)
            .map((line) => `${line}\n`)
            .join(''),
        )
        // Packed pieces in a row are a packed file.
        writeAll(descriptor, file.endsWith('.gz') ? gzipSync(chunk) : chunk)
      }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw new InputProblem(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const writeAll = (descriptor: number, bytes: Buffer): void => {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
}

/** Keeps what there is to see of a finding; null if it cannot be written, which must not hide the finding. */
export const keepTraces = (directory: string, { report, trace, shrunk }: Outcome): RunLine['files'] => {
  if (report.finding === null || trace === null) return null
  const stem = join(directory, `${report.seed.toString(16)}-${report.profile}`)
  const files = { trace: `${stem}.jsonl.gz`, shrunk: shrunk === null ? null : `${stem}.min.jsonl` }
  try {
    makeDirectory(directory)
    writeLines(files.trace, trace)
    if (shrunk !== null && files.shrunk !== null) writeLines(files.shrunk, shrunk.lines)
    return files
  } catch (error) {
    if (!(error instanceof InputProblem)) throw error
    process.stderr.write(`raft sim: ${error.message}\n`)
    return null
  }
}

const makeDirectory = (directory: string): void => {
  try {
    mkdirSync(directory, { recursive: true })
  } catch (error) {
    throw new InputProblem(`${directory}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
