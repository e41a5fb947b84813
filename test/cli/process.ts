import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The built command line: `npm test` builds it first. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Runs the command line with an input that ends, and waits for it to end too. Options of Node's may come first. */
export const raft = (args: readonly string[], input = '', options: readonly string[] = []) => {
  const { status, stdout, stderr, signal } = spawnSync(process.execPath, [...options, MAIN, ...args], {
    input,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, signal, stderr, lines: stdout.split('\n').filter((line) => line !== ''), stdout }
}

export const parsed = (lines: readonly string[]): readonly unknown[] => lines.map((line): unknown => JSON.parse(line))
