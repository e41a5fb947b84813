import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { MAIN, parsed, raft } from './process.ts'
import { timeless } from './sim/support.ts'
import { scratch } from './traces.ts'

/* The built command line over the real simulator: what is made up elsewhere is shown to fit here. */

const files = scratch()
afterAll(() => files.remove())

const SMALL = ['sim', '--steps', '400', '--nodes', '3']
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A second home of the built command line, with something in it replaced. */
const changed = (name: string, file: string, change: (source: string) => string): string => {
  const home = files.path(name)
  mkdirSync(home)
  cpSync(`${ROOT}/dist`, `${home}/dist`, { recursive: true })
  cpSync(`${ROOT}/package.json`, `${home}/package.json`)
  symlinkSync(`${ROOT}/node_modules`, `${home}/node_modules`)
  const path = `${home}/dist/${file}`
  const source = readFileSync(path, 'utf8')
  const different = change(source)
  if (different === source) throw new Error(`nothing to change in ${file}`)
  writeFileSync(path, different)
  return `${home}/dist/cli/main.js`
}

const run = (main: string, args: readonly string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: files.path('') })

describe('raft sim', () => {
  it('prints the same for any number of jobs', () => {
    const args = [...SMALL, '--seeds', '3', '--profile', 'all']
    const one = raft([...args, '--jobs', '1'])
    expect([one.status, one.stdout]).toEqual([0, expect.stringMatching(/^✓ no claim is violated: 12 runs, /)])
    expect(timeless(raft([...args, '--jobs', '3']).stdout)).toBe(timeless(one.stdout))
  })

  it('says how to repeat what was drawn', () => {
    const drawn = raft([...SMALL, '--seed', 'random'])
    const [, command = ''] = /npx raft (sim --seed 0x.*)/.exec(drawn.stderr) ?? []
    expect(command).toContain('--steps 400')
    expect(timeless(raft(command.split(' ')).stdout)).toBe(timeless(drawn.stdout))
  })

  it('writes the trace of a run, which replays', () => {
    const trace = files.path('run.jsonl.gz')
    expect(raft([...SMALL, '--trace', trace])).toMatchObject({ status: 0 })
    expect(readFileSync(trace).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
    expect(raft(['replay', trace])).toMatchObject({ status: 0, stderr: '' })
  })

  it('writes what clients were told into the trace, for raft check to judge', () => {
    const trace = files.path('told.jsonl')
    expect(raft([...SMALL, '--profile', 'calm', '--trace', trace])).toMatchObject({ status: 0 })
    const checked = raft(['check', trace])
    expect([checked.status, checked.stdout]).toEqual([0, expect.stringMatching(/^linearizable: [1-9]\d* operations/)])
  })

  it('merges what shards printed, from a file and from stdin', () => {
    const args = [...SMALL, '--seeds', '4', '--profile', 'all', '--json']
    const [left, right] = ['1/2', '2/2'].map((shard) => raft([...args, '--shard', shard]).stdout)
    const merged = raft(['sim', 'merge', '-', files.file('left', left ?? ''), '--json'], right)
    expect([merged.status, merged.stderr]).toEqual([0, ''])
    expect(timeless(merged.stdout)).toBe(timeless(raft(args).stdout))
    expect(raft(['sim', 'merge', files.path('left')])).toMatchObject({ status: 2 })
    expect(raft(['sim', 'merge', '-'], left?.slice(0, -9))).toMatchObject({ status: 65 })
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('still sums up after %s', async (signal) => {
    const child = spawn(process.execPath, [MAIN, ...SMALL, '--time', '1h', '--json'])
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      if (lines.length === 3) child.kill(signal)
    }
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(130)
    expect(parsed(lines).at(-1)).toMatchObject({ type: 'summary', reason: 'interrupted' })
    expect(raft(['sim', 'merge', '-'], `${lines.join('\n')}\n`)).toMatchObject({ status: 2 })
  })

  it('finds a mistake, and keeps what shows it', () => {
    const main = changed('mistaken', 'core/request-vote.js', (source) =>
      source.replace(' && isUpToDate(work.log, rpc)', ''),
    )
    const { status, stdout } = run(main, ['sim', '--seeds', '200', '--steps', '4000', '--profile', 'all'])
    expect(status).toBe(1)
    const [, replayed = ''] = /replay: npx raft (replay .*)\n/.exec(stdout) ?? []
    const [, rerun = ''] = /\n {2}rerun: {2}npx raft (sim .*)\n/.exec(stdout) ?? []
    expect(readdirSync(files.path('.raft'))).toHaveLength(2)
    const replay = run(main, replayed.split(' '))
    expect([replay.status, replay.stdout]).toEqual([1, expect.stringContaining('✗ ')])
    const finding = /✗.*\n.*\n/.exec(stdout)?.[0]
    expect(run(main, [...rerun.split(' '), '--no-shrink']).stdout).toContain(finding)
  })

  it('does not take a bug in itself for a finding', () => {
    const main = changed('crashing', 'sim/simulate.js', () => 'export const simulate = () => null.steps')
    const { status, stdout, stderr } = run(main, ['sim', '--seed', '7'])
    expect([status, stdout]).toEqual([70, ''])
    expect(stderr).toMatch(/sim --seed 0x7 .*not a finding\nTypeError.*\n +at simulate/)
  })

  it('refuses what makes no sense with 64', () => {
    for (const args of [['--nodes', '10'], ['stray'], ['merge'], ['--trace', 'x', '--seeds', '2']])
      expect(raft(['sim', ...args]).status, args.join(' ')).toBe(64)
  })

  it('has a help', () => {
    const { status, stdout, stderr } = raft(['sim', '--help'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Usage: raft sim ')
    expect(raft(['--help']).stdout).toMatch(/\n {2}sim {2,}/)
  })
})
