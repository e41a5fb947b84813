import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { InputProblem } from '../../../src/cli/files.ts'
import type { Job } from '../../../src/cli/sim/job.ts'
import { parseLine } from '../../../src/cli/sim/lines.ts'
import { parsed } from '../process.ts'
import { campaign, hireFake, timeless } from './support.ts'
import { scratch } from '../traces.ts'

const files = scratch()
afterAll(() => files.remove())
afterEach(() => vi.restoreAllMocks())

const linesIn = (stdout: string): readonly string[] => stdout.split('\n').filter((line) => line !== '')
const summaryIn = (stdout: string): unknown => parsed(linesIn(stdout)).at(-1)
const out = (name: string): readonly string[] => ['--out', files.path(name)]

describe('a campaign', () => {
  it('without a finding ends with 0', async () => {
    const { status, stdout } = await campaign(['--seeds', '3'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^✓ no claim is violated: 3 runs, 60006 steps, 306 operations, 3\.00 virtual hours\n/)
  })

  it.each([[[]], [['--json']], [['--bail', '2']], [['--bail', '0', '--json']]])(
    'prints the same whatever the number of jobs: %j',
    async (options) => {
      const args = [...options, '--seeds', '30', '--profile', 'all', ...out('same')]
      const world = { broken: [5, 9, 21] }
      const one = await campaign([...args, '--jobs', '1'], world)
      expect(one.stdout).toContain('lossy')
      for (const jobs of ['2', '7']) {
        const other = await campaign([...args, '--jobs', jobs], world)
        expect([other.status, timeless(other.stdout)]).toEqual([1, timeless(one.stdout)])
      }
    },
  )

  it('prints a line a run with --json, each as merging reads it', async () => {
    const { stdout } = await campaign(['--seeds', '3', '--json', '--jobs', '2'])
    const lines = linesIn(stdout)
    expect(parsed(lines)).toMatchObject([
      {
        v: 2,
        type: 'run',
        seed: 1,
        profile: 'chaos',
        nodes: 5,
        digest: '1-chaos',
        finding: null,
        marks: { crashed: 1 },
      },
      { type: 'run', seed: 2 },
      { type: 'run', seed: 3 },
      { type: 'speed', runSeconds: { chaos: 1.5 } },
      { type: 'summary', reason: 'complete', seed: 1, seeds: 3, totals: { runs: 3, findings: 0 }, findings: [] },
    ])
    expect(lines.filter((line) => 'reason' in parseLine(line))).toEqual([])
    expect(parsed(lines)[0]).toHaveProperty('marks', { crashed: 1 })
  })

  it('stops at the finding that --bail says, in the order of seeds', async () => {
    const world = { broken: [3, 5, 9] }
    const { status, stdout } = await campaign(['--seeds', '20', '--bail', '2', '--json', ...out('bail')], world)
    expect(status).toBe(1)
    expect(summaryIn(stdout)).toMatchObject({ reason: 'bail', totals: { runs: 5, findings: 2 } })
  })

  it('goes through all seeds with --bail 0', async () => {
    const world = { broken: [3, 5, 9] }
    const { status, stdout } = await campaign(['--seeds', '20', '--bail', '0', '--json', ...out('all')], world)
    expect(status).toBe(1)
    expect(summaryIn(stdout)).toMatchObject({
      reason: 'complete',
      totals: { runs: 20, findings: 3 },
      findings: [{ seed: 3, claim: 'LM', step: 1842 }, { seed: 5 }, { seed: 9 }],
    })
  })

  it('begins no run once the time is up', async () => {
    let looks = 0
    const now = (): number => looks++ * 10
    const { status, stdout } = await campaign(['--time', '0.1s', '--json', '--jobs', '1'], {}, { now })
    expect(status).toBe(0)
    expect(summaryIn(stdout)).toMatchObject({ reason: 'time', seeds: null, totals: { runs: 9 } })
  })

  it('is complete if the seeds end before the time', async () => {
    const { stdout } = await campaign(['--time', '1s', '--seeds', '3', '--json'])
    expect(summaryIn(stdout)).toMatchObject({ reason: 'complete', totals: { runs: 3 } })
  })

  it.each([[['--time', '0s']], [['--shard', '2/2']]])('of nothing ends with 4: %j', async (args) => {
    const { status, stdout } = await campaign(args)
    expect([status, stdout.split('\n')[0]]).toEqual([4, expect.stringMatching(/^nothing ran/)])
  })

  it('sums up what ran when it is interrupted, and ends with 130', async () => {
    const interruption = new AbortController()
    const write = vi.fn((text: string) => {
      if (text.includes('"seed":3')) interruption.abort()
    })
    const { status } = await campaign(['--seeds', '99', '--json'], {}, { signal: interruption.signal, write })
    expect(status).toBe(130)
    expect(summaryIn(write.mock.calls.join(''))).toMatchObject({ reason: 'interrupted', totals: { runs: 3 } })
  })

  it('does not take a bug for a finding', async () => {
    const world = { crashing: [4], broken: [9] }
    const written: string[] = []
    const write = (text: string): void => void written.push(text)
    await expect(campaign(['--seeds', '9', '--json', '--jobs', '3'], world, { write })).rejects.toThrow('bug at seed 4')
    expect(parsed(linesIn(written.join('')))).toMatchObject([{ seed: 1 }, { seed: 2 }, { seed: 3 }])
  })

  it('makes every run with the options given', async () => {
    const jobs: Job[] = []
    const args = [
      '--seed',
      '8',
      '--nodes',
      '3',
      '--steps',
      '50',
      '--profile',
      'calm',
      '--claims',
      'cheap',
      '--no-shrink',
    ]
    await campaign(args, {}, { hire: hireFake({}, jobs) })
    const options = { seed: 8, nodes: 3, steps: 50, profile: 'calm', service: null, claims: 'cheap' }
    expect(jobs).toEqual([{ options, record: false, shrink: false }])
  })
})

describe('marks', () => {
  const expected = () => ['crashed', 'disk full'] as const
  const world = { marks: new Map([[2, 'disk full']] as const) }

  it('that were never reached are counted, as a few seeds reach a few', async () => {
    const { status, stdout } = await campaign([], world, { expected })
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /\nmarks: 1 of 2 reached\n {2}crashed +1\n.*1 that a campaign .* missing; --require-marks lists them.*\n$/,
    )
  })

  it('that were never reached are listed if they are required', async () => {
    const { stdout } = await campaign(['--require-marks'], world, { expected })
    expect(stdout).toMatch(
      /\nmarks: 1 of 2 reached\n {2}crashed +1\nnever reached.*:\n {2}✗ disk full {4,}a disk was full.*\n$/,
    )
  })

  it('that were never reached fail the campaign then', async () => {
    expect(await campaign(['--require-marks'], world, { expected })).toMatchObject({ status: 1 })
  })

  it('that were reached do not', async () => {
    const { status, stdout } = await campaign(['--seeds', '2', '--require-marks'], world, { expected })
    expect(status).toBe(0)
    expect(stdout).toMatch(/\nmarks: 2 of 2 reached\n {2}crashed +2 {4}disk full +1\n$/)
  })

  it('are not asked of a profile that the shard has no run of', async () => {
    const { stdout } = await campaign(['--profile', 'all', '--shard', '2/4', '--json'], {}, { expected })
    expect(summaryIn(stdout)).toMatchObject({ expectedMissing: [{ profile: 'lossy', mark: 'disk full' }] })
  })

  it('are asked of each profile by itself', async () => {
    const only = { expected: (profile: string) => (profile === 'calm' ? [] : expected()) }
    const { stdout } = await campaign(['--profile', 'all', '--json'], {}, only)
    expect(summaryIn(stdout)).toMatchObject({
      expectedMissing: ['lossy', 'chaos', 'snapshots'].map((profile) => ({ profile, mark: 'disk full' })),
    })
  })
})

describe('traces', () => {
  it('of a finding are kept, whole and shrunk', async () => {
    const directory = files.path('kept/deep')
    const { stdout } = await campaign(['--seed', '0x5eed17', '--out', directory], { broken: [0x5eed17] })
    expect(readdirSync(directory)).toEqual(['5eed17-chaos.jsonl.gz', '5eed17-chaos.min.jsonl'])
    expect(gunzipSync(readFileSync(`${directory}/5eed17-chaos.jsonl.gz`)).toString()).toBe('{"whole":1}\n{"whole":2}\n')
    expect(readFileSync(`${directory}/5eed17-chaos.min.jsonl`, 'utf8')).toBe('{"small":1}\n')
    expect(stdout).toContain(`raft replay ${directory}/5eed17-chaos.min.jsonl --until 22 --print diff\n`)
  })

  it('are kept whole only with --no-shrink', async () => {
    const directory = files.path('whole')
    const { stdout } = await campaign(['--no-shrink', '--out', directory], { broken: [1] })
    expect(readdirSync(directory)).toEqual(['1-chaos.jsonl.gz'])
    expect(stdout).toContain(`raft replay ${directory}/1-chaos.jsonl.gz --until 1842 --print diff\n`)
  })

  it('of clean runs are not kept, nor is a place for them made', async () => {
    await campaign(['--seeds', '3', '--out', files.path('unused')])
    expect(existsSync(files.path('unused'))).toBe(false)
  })

  it('that cannot be written do not hide the finding', async () => {
    const complaint = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const { status, stdout } = await campaign(['--out', files.file('in-the-way', '')], { broken: [1] })
    expect([status, stdout]).toEqual([1, expect.stringMatching(/^✗ LM {2}seed=0x1 (?!.*replay:).*rerun:/s)])
    expect(complaint.mock.calls.join('')).toContain('raft sim: ')
  })

  it('of a clean run are written where --trace says', async () => {
    await campaign(['--trace', files.path('clean.jsonl')])
    expect(readFileSync(files.path('clean.jsonl'), 'utf8')).toBe('{"whole":1}\n{"whole":2}\n')
  })

  it('are refused before the run if they cannot be written', async () => {
    const jobs: Job[] = []
    const run = campaign(['--trace', files.path('no/such')], {}, { hire: hireFake({}, jobs) })
    await expect(run).rejects.toThrow(InputProblem)
    expect(jobs).toEqual([])
  })
})
