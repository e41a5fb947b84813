import { spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MAIN, raft } from './process.ts'

const root = mkdtempSync(join(tmpdir(), 'raft-errors-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const INIT = '{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}\n'

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(root, name)
  writeFileSync(path, content)
  return path
}

describe.skipIf(process.platform !== 'linux')('an output that cannot be written', () => {
  it.each([[['--help']], [['sim', '--seeds', '1', '--steps', '1000']], [['node']]])(
    '%j ends with one line and 74, which is no verdict',
    (args) => {
      const stdio: ['pipe', number, 'pipe'] = ['pipe', openSync('/dev/full', 'w'), 'pipe']
      const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { stdio, input: INIT, encoding: 'utf8' })
      expect([status, stderr]).toEqual([74, 'raft: the output cannot be written: the disk is full\n'])
    },
  )
})

describe('a word that is not known', () => {
  it.each([
    [['simm'], 'raft: there is no command "simm"; did you mean sim?; see raft --help\n'],
    [['sim', '--seds', '3'], 'raft: there is no option --seds; did you mean --seeds?; see raft sim --help\n'],
    [['node', '--dta', 'x'], 'raft: there is no option --dta; did you mean --data?; see raft node --help\n'],
    [
      ['explore', '--depth', '-1'],
      'raft: --depth needs a value; one that begins with a dash is written --depth=-1; see raft explore --help\n',
    ],
    [['sim', 'x'], 'raft: what is "x"? It takes options only; see raft sim --help\n'],
    [['replay'], 'raft: replay takes one trace; see raft replay --help\n'],
    [['export', 'x'], 'raft: export needs --to shiviz, or --to perfetto, or --to itf\n'],
  ] as const)('%j', (args, stderr) => {
    expect(raft(args)).toMatchObject({ status: 64, stdout: '', stderr })
  })
})

it('raft help VERB is raft VERB --help', () => {
  expect(raft(['help', 'sim']).stdout).toBe(raft(['sim', '--help']).stdout)
})

describe('a file that cannot be used', () => {
  it.each([
    ['is not there', () => join(root, 'nowhere'), /nowhere: there is no such file or directory\n$/],
    ['is a directory', () => root, /: is a directory\n$/],
    [
      'is cut gzip',
      () => file('cut.gz', gzipSync('x'.repeat(1_000)).subarray(0, 20)),
      /: is cut short: gzip packed more\n$/,
    ],
  ])('%s: one line, 65', (_, make, reason) => {
    const { status, stderr } = raft(['replay', make()])
    expect([status, stderr.split('\n').length]).toEqual([65, 2])
    expect(stderr).toMatch(reason)
  })

  it('a directory that cannot be made is refused at once, before any request', () => {
    const { status, stdout, stderr } = raft(['node', '--data', join(file('plain', ''), 'below')])
    expect([status, stdout]).toEqual([65, ''])
    expect(stderr).toMatch(/is not a directory\n$/)
  })
})

describe('raft check', () => {
  it('of a history without operations has checked nothing: 4', () => {
    const { status, stdout } = raft(['check', file('none.json', '[]')])
    expect([status, stdout]).toEqual([4, 'nothing to check: the history holds no operation\n'])
  })

  it('says of a trace that it was cut short, and takes a byte order mark', () => {
    const trace = join(root, 'run.jsonl')
    raft(['sim', '--seed', '1', '--steps', '2000', '--trace', trace])
    const whole = raft(['check', trace])
    expect([whole.status, whole.stderr]).toEqual([0, ''])
    const lines = readFileSync(trace, 'utf8').trimEnd().split('\n')
    const cut = file('cut.jsonl', `\uFEFF${lines.slice(0, -1).join('\r\n')}\r\n`)
    const { status, stderr } = raft(['check', cut])
    expect([status, stderr]).toEqual([
      0,
      `raft check: ${cut} was cut short: what happened after its last line is not judged\n`,
    ])
  })
})
