import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { InputProblem } from '../../../src/cli/files.ts'
import { mergeShards, parseMerge } from '../../../src/cli/sim/merge.ts'
import { parsed } from '../process.ts'
import { campaign, timeless, type Printed, type World } from './support.ts'
import { scratch } from '../traces.ts'

const files = scratch()
afterAll(() => files.remove())

const ARGS = ['--seed', '40', '--seeds', '6', '--profile', 'all', '--bail', '0', '--out', files.path('found')]
const WORLD: World = { broken: [42], marks: new Map([[43, 'disk full']]) }
const COUNT = 3

const output = async (args: readonly string[], world: World = WORLD): Promise<string> =>
  (await campaign([...args, '--json'], world)).stdout

const shardsOf = (args: readonly string[] = ARGS, world: World = WORLD): Promise<readonly string[]> =>
  Promise.all(Array.from({ length: COUNT }, (_, at) => output([...args, '--shard', `${at + 1}/${COUNT}`], world)))

const shards = await shardsOf()
const [a, b, c] = shards.map((text, at) => files.file(`${at + 1}.ndjson`, text))
const [first = ''] = shards

const merge = async (args: readonly (string | undefined)[]): Promise<Printed> => {
  let stdout = ''
  const chosen = parseMerge(args.map((arg) => arg ?? ''))
  const status = await mergeShards(
    chosen,
    () => ['crashed', 'torn write discarded'],
    (text) => (stdout += text),
  )
  return { status, stdout }
}

let files_ = 0
/** What merging says to a file instead of the first shard. */
const refusal = async (text: string | Buffer): Promise<string> => {
  const file = files.file(`other-${files_++}`, text)
  const problem: unknown = await merge([file, b, c]).catch((error: unknown) => error)
  if (!(problem instanceof InputProblem)) throw new Error('it was merged')
  return problem.message.replace(files.path(''), '')
}

/** The first shard with one of its lines replaced. */
const edited = (at: number, change: (line: string) => string): string => {
  const lines = first.trimEnd().split('\n')
  return `${lines.with(at, change(lines.at(at) ?? '')).join('\n')}\n`
}

describe('merged shards', () => {
  it.each([[[]], [['--json']]])('print what one process would have printed: %j', async (options) => {
    const { status, stdout } = await merge([c, a, b, ...options])
    const whole = await campaign([...ARGS, ...options], WORLD, { expected: () => ['crashed', 'torn write discarded'] })
    expect([status, timeless(stdout)]).toEqual([whole.status, timeless(whole.stdout)])
  })

  it('may be packed, and one behind the other', async () => {
    const packed = files.file('1.gz', gzipSync(first))
    const chained = files.file('chained', shards.slice(1).join(''))
    expect(await merge([packed, chained])).toEqual(await merge([a, b, c]))
  })

  it('may be merged again', async () => {
    const { stdout } = await merge([a, b, c, '--json'])
    expect(await merge([files.file('merged', stdout), '--json'])).toMatchObject({ status: 1, stdout })
  })

  it('end with 1 for a finding in any of them', async () => {
    const { status, stdout } = await merge([a, b, c])
    expect(status).toBe(1)
    expect(stdout).toMatch(/✗ LM {2}seed=0x2a /)
  })

  it('end with 0 without one', async () => {
    const clean = await shardsOf(ARGS, {})
    expect(await merge([files.file('clean', clean.join(''))])).toMatchObject({ status: 0 })
  })

  it('fail for marks that none of them reached, if they are required', async () => {
    const clean = await shardsOf(ARGS, {})
    const { status, stdout } = await merge([files.file('clean', clean.join('')), '--require-marks'])
    expect([status, stdout]).toEqual([1, expect.stringContaining('✗ calm      torn write discarded')])
  })

  it('are unknown while some are missing, and tell which', async () => {
    const [, one = ''] = await shardsOf(ARGS, {})
    const file = files.file('one', one)
    const { status, stdout } = await merge([file])
    expect([status, stdout]).toEqual([2, expect.stringContaining('(missing: shards 1/3, 3/3)')])
    const { stdout: json } = await merge([file, '--json'])
    expect(parsed(json.trimEnd().split('\n')).at(-1)).toMatchObject({
      reason: 'incomplete',
      missingShards: ['1/3', '3/3'],
    })
  })

  it('end with 1 for a finding even if some are missing', async () => {
    expect(await merge([c])).toMatchObject({ status: 1 })
  })

  it('are unknown while one was interrupted', async () => {
    const clean = await shardsOf(ARGS, {})
    const text = clean.join('').replace('"reason":"complete"', '"reason":"interrupted"')
    expect(await merge([files.file('interrupted', text)])).toMatchObject({ status: 2 })
  })

  it('are nothing if nothing ran in any of them', async () => {
    const empty = await shardsOf(['--time', '0s'], {})
    expect(await merge([files.file('empty', empty.join(''))])).toMatchObject({ status: 4 })
  })
})

describe('merging refuses', () => {
  it('a file that was cut short within a line', async () => {
    expect(await refusal(first.slice(0, -100))).toMatch(/^\/other-\d+:10: is not JSON, or was cut short$/)
  })

  it('a file that was cut short between lines', async () => {
    const lines = first.trimEnd().split('\n').slice(0, -1)
    expect(await refusal(`${lines.join('\n')}\n`)).toMatch(/^\/other-\d+:9: ends without a summary/)
  })

  it('an empty file', async () => {
    expect(await refusal('')).toMatch(/ends without a summary/)
  })

  it('a file that lost a line', async () => {
    const lines = first.split('\n').toSpliced(3, 1)
    expect(await refusal(lines.join('\n'))).toMatch(/:9: the summary tells of 8 runs, and the lines before it of 7$/)
  })

  it('runs that are not what their summary says', async () => {
    expect(await refusal(edited(2, (line) => line.replace('"digest":"', '"digest":"0')))).toMatch(
      /:10: does not sum up/,
    )
    expect(await refusal(edited(2, (line) => line.replace(/"operations":\d+/, '"operations":7')))).toMatch(/not sum up/)
    expect(await refusal(edited(2, (line) => line.replace('"crashed":1', '"crashed":2')))).toMatch(/not sum up/)
  })

  it('runs of other seeds', async () => {
    expect(await refusal(edited(2, (line) => line.replace('"seed":41', '"seed":1')))).toMatch(
      /:3: seed 0x1, profile \w+, is no run of the campaign/,
    )
  })

  it('runs of clusters of another size', async () => {
    expect(await refusal(edited(2, (line) => line.replace('"nodes":5', '"nodes":4')))).toMatch(/:3: .* is no run of/)
  })

  it('a shard that calls itself complete and is not', async () => {
    const [short = ''] = await shardsOf(['--seed', '40', '--seeds', '5', ...ARGS.slice(4)])
    expect(await refusal(short.replace('"seeds":5', '"seeds":6'))).toMatch(/calls itself complete with 7 of 8 runs/)
  })

  it('other JSON', async () => {
    expect(await refusal('{"t":"hdr"}\n')).toMatch(/:1: is no line of raft sim --json$/)
    expect(await refusal('[]\n')).toMatch(/:1: is no line of raft sim --json$/)
    expect(await refusal(edited(0, (line) => line.replace('"type":"run"', '"type":"ruin"')))).toMatch(
      /"ruin" is not known/,
    )
  })

  it('fields that it does not know, or that are wrong', async () => {
    expect(await refusal(edited(0, (line) => line.replace('"steps"', '"stops"')))).toMatch(
      /:1: the line's \.steps is missing/,
    )
    expect(await refusal(edited(0, (line) => line.replace('"calm"', '"mild"')))).toMatch(/\.profile is not calm/)
    expect(await refusal(edited(0, (line) => line.replace('"crashed"', '"cracked"')))).toMatch(/\.cracked is not known/)
  })

  it('lines of the future', async () => {
    expect(await refusal(edited(-1, (line) => line.replace('"v":2', '"v":3')))).toMatch(
      /:10: is of version 3, and this raft reads version 2$/,
    )
  })

  it('runs of another simulator', async () => {
    expect(await refusal(edited(-1, (line) => line.replace('"simulator":2', '"simulator":1')))).toMatch(
      /:10: was made by simulator 1, and this is 2: its runs are others$/,
    )
  })

  it('more shards than there can be', async () => {
    expect(await refusal(edited(-1, (line) => line.replace(/"count":\d+/, '"count":999999999')))).toMatch(
      /:10: is of 999999999 shards, more than 10000$/,
    )
  })

  it('runs of another core', async () => {
    expect(await refusal(edited(-1, (line) => line.replace('raft-reducer/4', 'raft-reducer/0')))).toMatch(
      /:10: was made by raft-reducer\/0/,
    )
  })

  it.each([
    ['nodes', ['--nodes', '3']],
    ['steps', ['--steps', '7']],
    ['seeds', ['--seeds', '5']],
    ['seed', ['--seed', '39']],
    ['profiles', ['--profile', 'calm']],
    ['claims', ['--claims', 'cheap']],
    ['shards', ['--shard', '1/4']],
  ])('a shard of another campaign: %s', async (name, args) => {
    const other = await output([...ARGS, '--shard', '1/3', ...args])
    expect(await refusal(other)).toMatch(new RegExp(`is of another campaign: ${name} `))
  })

  it('a run that is there twice, saying where', async () => {
    await expect(merge([a, b, c, b])).rejects.toThrow(
      new InputProblem(`${b ?? ''}:1: seed 0x28, profile lossy, is in ${b ?? ''}:1 already`),
    )
  })

  it('a shard that is there twice, if nothing ran in it', async () => {
    const empty = await output(['--shard', '2/3'])
    const twice = merge([files.file('twice', empty + empty)])
    await expect(twice).rejects.toThrow(/shard 2\/3 is in .*twice:2 already$/)
  })

  it('a file that is not there', async () => {
    await expect(merge([files.path('nowhere')])).rejects.toThrow(InputProblem)
  })
})
