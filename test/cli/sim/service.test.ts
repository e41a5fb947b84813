import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { raft } from '../process.ts'
import { scratch } from '../traces.ts'

const files = scratch()
afterAll(() => files.remove())

const machine = fileURLToPath(new URL('../../../dist/machine/index.js', import.meta.url))

/** A module whose service adds numbers; `apply` says how. */
const serviceOf = (name: string, apply: string, head = ''): string =>
  files.file(
    name,
    `import { immerMachine } from ${JSON.stringify(machine)}
${head}
export default () => ({
  machine: immerMachine({ initial: { total: 0 }, apply: (draft, { add }) => { ${apply} } }),
  next: (dice) => ({ type: 'command', command: { add: dice.integer(1, 10) } }),
})
`,
  )

const sim = (file: string, ...more: readonly string[]) =>
  raft(['sim', '--seed', '1', '--steps', '1500', '--nodes', '3', '--service', file, ...more])

describe('raft sim --service', () => {
  it('simulates the state machine of a file, and says how to do so again', () => {
    const file = serviceOf('good.mjs', 'draft.total += add; return draft.total')
    const { status, stdout } = sim(file)
    expect(status).toBe(0)
    expect(stdout).toContain(`--service ${file}`)
  })

  it('counts commands that fail', () => {
    const file = serviceOf('failing.mjs', "if (add === 7) throw new Error('no sevens'); draft.total += add; return 0")
    const { status, stdout } = sim(file, '--json')
    expect(status).toBe(0)
    expect((JSON.parse(stdout.split('\n')[0] ?? '') as { readonly failures: number }).failures).toBeGreaterThan(0)
  })

  it('finds one that keeps something beside its state, and shows the command, both answers and where they differ', () => {
    const file = serviceOf(
      'uneven.mjs',
      'calls++; draft.total += add; return { odd: calls % 7 === 0 }',
      'let calls = 0',
    )
    const { status, stdout } = sim(file, '--json', '--no-shrink')
    expect(status).toBe(1)
    for (const part of ['command=', 'expected=', 'got=', 'path=']) expect(stdout).toContain(part)
  })

  it.each([
    ['export const service = 1', 'has no default export that makes a service'],
    ['export default () => 1', 'its default export makes no service'],
    [
      'export default () => ({ machine: { initial: 0, apply() {} }, next() {} })',
      'the state machine has no function readObject',
    ],
    ['export default () => ({ machine: { initial: 0 } })', 'the service has no function next(dice)'],
    ['export default () =>', 'Unexpected end of input'],
  ])('refuses %j', (source, reason) => {
    const { status, stderr } = sim(files.file(`${reason.length}.mjs`, source))
    expect(status).toBe(64)
    expect(stderr).toContain(reason)
  })
})
