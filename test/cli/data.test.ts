import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MAIN, raft } from './process.ts'

const root = mkdtempSync(join(tmpdir(), 'raft-data-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const INIT = '{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}'
const write = (at: number): string =>
  `{"src":"c1","dest":"n1","body":{"type":"write","msg_id":${at + 1},"key":"k${at}","value":${at}}}`

let made = 0

/** The directory of a node that acknowledged five writes. */
const directoryOf = (): string => {
  const directory = join(root, `node ${++made}`)
  const { status } = raft(['node', '--data', directory], [INIT, ...[1, 2, 3, 4, 5].map(write), ''].join('\n'))
  expect(status).toBe(0)
  return directory
}

/** One bit of the last batch is flipped. */
const damage = (directory: string): void => {
  const file = join(directory, 'log-00000001')
  const bytes = readFileSync(file)
  const at = bytes.findLastIndex((byte) => byte !== 0 && byte !== 0xff)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(file, bytes)
}

describe('a directory that is whole', () => {
  it('is inspected: server, term, vote, indices, segments, bytes', () => {
    const { status, stdout } = raft(['data', 'inspect', directoryOf()])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^server {7}n1\nterm {9}1, vote for n1\nentries {6}5: after index 0 of term 0, to index 5\n/)
    expect(stdout).toMatch(/segments {5}1: 1 \(4194304 bytes\)\nbytes {8}\d+\n/)
  })

  it('is verified, and left as it is', () => {
    const directory = directoryOf()
    const before = readFileSync(join(directory, 'log-00000001'))
    const { status, stdout } = raft(['data', 'verify', directory])
    expect([status, stdout]).toEqual([0, `${directory} is whole: up to index 5, in term 1\n`])
    expect(readFileSync(join(directory, 'log-00000001')).equals(before)).toBe(true)
  })

  it('is described in one line of JSON', () => {
    const { stdout } = raft(['data', 'inspect', directoryOf(), '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ whole: true, problems: [], contents: { id: 'n1', lastIndex: 5 } })
  })
})

describe('a directory that is damaged', () => {
  it('is named with file, offset and what was expected, and no node starts over it', () => {
    const directory = directoryOf()
    damage(directory)
    const { status, stdout } = raft(['data', 'verify', directory])
    expect(status).toBe(65)
    expect(stdout).toMatch(
      /log-00000001 is damaged at byte \d+: expected a body that the checksum in its header confirms/,
    )
    const node = raft(['node', '--data', directory], `${INIT}\n`)
    expect([node.status, node.stdout]).toEqual([65, ''])
    expect(node.stderr).toMatch(/log-00000001 is damaged at byte \d+/)
  })

  it('is repaired into a copy without what follows the damage, which a node takes only when the loss is accepted', () => {
    const directory = directoryOf()
    const copy = `${directory} repaired`
    damage(directory)
    const repaired = raft(['data', 'repair', directory, '--to', copy])
    expect(repaired.status).toBe(0)
    expect(repaired.stdout).toMatch(
      /kept: entries up to index [34], term 1, the vote for n1 in it\nlost: entries after index/,
    )
    const refused = raft(['node', '--data', copy], `${INIT}\n`)
    expect([refused.status, refused.stderr.includes('start it with --accept-data-loss')]).toEqual([65, true])
    const accepted = raft(['node', '--data', copy, '--accept-data-loss'], `${INIT}\n${write(9)}\n`)
    expect([accepted.status, accepted.stdout.includes('"write_ok"')]).toEqual([0, true])
    expect(raft(['node', '--data', copy], `${INIT}\n`).status).toBe(0)
  })

  it('is not repaired into one that holds something', () => {
    const directory = directoryOf()
    damage(directory)
    const other = directoryOf()
    const { status, stderr } = raft(['data', 'repair', directory, '--to', other])
    expect([status, stderr.includes('is not empty: name a new directory')]).toEqual([65, true])
  })
})

describe('what is no directory of a node', () => {
  it.each([
    ['nothing', () => join(root, 'nowhere'), /does not exist/],
    ['a file', () => MAIN, /is not a directory/],
    ['another directory', () => join(MAIN, '..'), /is no file of a log/],
  ])('%s is refused, and nothing is made there', (_, place, reason) => {
    const directory = place()
    const { status, stdout, stderr } = raft(['data', 'inspect', directory])
    expect([status, stdout]).toEqual([65, ''])
    expect(stderr).toMatch(reason)
    if (directory.includes('cli')) expect(readdirSync(join(MAIN, '..'))).not.toContain('LOCK')
  })
})

describe('a directory in use', () => {
  const start = async (directory: string) => {
    const child = spawn(process.execPath, [MAIN, 'node', '--data', directory], { stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.write(`${INIT}\n`)
    const answer = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    return { child, isRunning: typeof answer[0] === 'object' }
  }

  it('is one process at a time: of two started at once, one is refused', async () => {
    const directory = join(root, `node ${++made}`)
    const both = await Promise.all([start(directory), start(directory)])
    expect(both.filter(({ isRunning }) => isRunning)).toHaveLength(1)
    expect(raft(['data', 'verify', directory]).stderr).toMatch(/is in use: stop the other process/)
    for (const { child } of both) child.kill('SIGKILL')
  })

  it('is free again once its process has died, by SIGKILL too', async () => {
    const directory = join(root, `node ${++made}`)
    for (let life = 0; life < 3; life++) {
      const { child, isRunning } = await start(directory)
      expect(isRunning).toBe(true)
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
})

describe('a command line that makes no sense', () => {
  it.each([
    [['data']],
    [['data', 'mend', 'x']],
    [['data', 'verify']],
    [['data', 'verify', 'x', '--to', 'y']],
    [['data', 'repair', 'x']],
  ])('%j is refused with 64', (args) => {
    expect(raft(args)).toMatchObject({ status: 64, stdout: '' })
  })
})
