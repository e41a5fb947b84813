import type { Trace } from '../format.ts'
import { happenings } from './vector-clocks.ts'

/** The regular expression by which ShiViz reads what follows; it is the first line of the file (and its default). */
export const SHIVIZ_PATTERN = String.raw`(?<event>.*)\n(?<host>\S*) (?<clock>{.*})`

/**
 * A log for ShiViz: its pattern, an empty line (there is one execution), and then two lines an event: what happened,
 * and the server with its vector clock. A receive comes after its send, which is the step that sent it.
 */
export const toShiviz = (trace: Trace): string => {
  const lines = [SHIVIZ_PATTERN, '']
  for (const { node, text, clock } of happenings(trace)) {
    const named = [...clock].map(([name, count]): [string, number] => [hostOf(name), count])
    lines.push(oneLine(text), `${hostOf(node)} ${JSON.stringify(Object.fromEntries(named))}`)
  }
  return lines.map((line) => `${line}\n`).join('')
}

/** A host is one word. Names that differ stay different: every escape has four digits. */
const hostOf = (name: string): string =>
  name.replaceAll(/[\s%]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

const oneLine = (text: string): string => text.replaceAll(/[\r\n\u2028\u2029]/g, ' ')
