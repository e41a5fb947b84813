import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parsed, raft } from './cli/process.ts'

/* What the README shows is run: each program and conversation, against the block that follows it. */

const root = fileURLToPath(new URL('..', import.meta.url))
const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const blocks = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', body = '']) => ({
  language,
  body,
}))

const pairs = (language: string, shown: string): readonly (readonly [string, string])[] =>
  blocks.flatMap(({ language: first, body }, at) => {
    const next = blocks[at + 1]
    return first === language && next?.language === shown ? [[body, next.body] as const] : []
  })

describe('the README', () => {
  it.each(pairs('js', 'text'))('program %#', (program, shown) => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(stderr + stdout).toBe(shown)
  })

  it.each(pairs('stdin', 'stdout'))('conversation %#', (input, shown) => {
    const { lines, status } = raft(['node'], input)
    expect([parsed(lines), status]).toEqual([parsed(shown.trim().split('\n')), 0])
  })

  it('has programs and conversations', () => {
    expect([pairs('js', 'text').length, pairs('stdin', 'stdout').length]).toEqual([3, 2])
  })
})
