import { decodeTrace, type TraceProblem } from '../../src/trace/decode.ts'
import type { Trace } from '../../src/trace/format.ts'

/** The trace in a text that has to hold one. */
export const traceIn = (text: string): Trace => {
  const decoded = decodeTrace(text)
  if ('error' in decoded) throw new Error(`line ${decoded.error.line}: ${decoded.error.reason}`)
  return decoded.trace
}

export const problemIn = (text: string, partial = false): TraceProblem | null => {
  const decoded = decodeTrace(text, { partial })
  return 'error' in decoded ? decoded.error : null
}
