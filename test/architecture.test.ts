import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/*
 * The house and its stairs: a folder may import from itself and from those before it in this list. The first ones are
 * pure: no clock, randomness, environment, input or output can be reached from there.
 */
const LAYERS = ['core', 'machine', 'codec', 'trace', 'linearizability', 'sim', 'shell', 'cli'] as const
const PURE: ReadonlySet<string> = new Set(['core', 'machine', 'codec', 'trace', 'linearizability', 'sim'])
/** Packages that only one module may know. */
const SEAMS: ReadonlyMap<string, string> = new Map([
  ['immer', 'machine/immer-machine.ts'],
  ['sorted-btree', 'machine/kv/ordered-map.ts'],
  ['@noble/hashes/sha2.js', 'trace/digest.ts'],
  ['@noble/hashes/utils.js', 'trace/digest.ts'],
])
const IMPURE_GLOBALS: ReadonlySet<string> = new Set([
  'Date', 'performance', 'process', 'console', 'globalThis', 'setTimeout', 'setInterval', 'setImmediate',
  'queueMicrotask', 'crypto', 'fetch', 'Buffer', 'require', 'Proxy', 'WeakRef', 'Intl',
]) // prettier-ignore

const SOURCE = fileURLToPath(new URL('../src', import.meta.url))

interface Module {
  readonly name: string
  readonly layer: string
  readonly file: ts.SourceFile
  readonly imports: readonly string[]
}

const modules: readonly Module[] = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const path = join(SOURCE, name)
    const text = readFileSync(path, 'utf8')
    const imports = ts
      .preProcessFile(text)
      .importedFiles.map(({ fileName }) =>
        fileName.startsWith('.') ? relative(SOURCE, resolve(dirname(path), fileName)) : fileName,
      )
    const file = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true)
    return { name, layer: name.includes('/') ? (name.split('/')[0] ?? '') : 'index', file, imports }
  })
const byName = new Map(modules.map((module) => [module.name, module]))

describe('the layers', () => {
  it('every folder is one of them', () => {
    const folders = new Set(modules.map(({ layer }) => layer))
    folders.delete('index')
    expect([...folders].filter((folder) => !LAYERS.some((layer) => layer === folder))).toEqual([])
  })

  it('no import goes down', () => {
    const level = (layer: string): number => LAYERS.findIndex((name) => name === layer)
    const wrong = modules.flatMap(({ name, layer, imports }) =>
      imports
        .filter((imported) => byName.has(imported) && layer !== 'index')
        .filter((imported) => level(imported.split('/')[0] ?? '') > level(layer))
        .map((imported) => `${name} imports ${imported}`),
    )
    expect(wrong).toEqual([])
  })

  it('nothing in the shell reaches the simulator', () => {
    const arrows = modules.flatMap(({ name, layer, imports }) =>
      layer === 'shell' ? imports.filter((to) => to.startsWith('sim/')).map((to) => `${name} imports ${to}`) : [],
    )
    expect(arrows).toEqual([])
  })

  it('every import of a file leads to one', () => {
    const lost = modules.flatMap(({ name, imports }) =>
      imports.filter((imported) => imported.endsWith('.ts') && !byName.has(imported)).map((to) => `${name} → ${to}`),
    )
    expect(lost).toEqual([])
  })

  it('no imports form a circle', () => {
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (name: string, path: readonly string[]): void => {
      if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(' → '))
      if (done.has(name) || path.includes(name)) return
      for (const imported of byName.get(name)?.imports ?? []) visit(imported, [...path, name])
      done.add(name)
    }
    for (const { name } of modules) visit(name, [])
    expect(circles).toEqual([])
  })

  it('within the core only the reducer knows all handlers', () => {
    const users = modules.filter(({ layer, imports }) => layer === 'core' && imports.includes('core/step.ts'))
    expect(users.map(({ name }) => name)).toEqual([])
  })
})

describe('purity', () => {
  const pure = modules.filter(({ layer }) => PURE.has(layer))

  it('nothing pure imports Node or a package that is not its own', () => {
    const foreign = pure.flatMap(({ name, imports }) =>
      imports
        .filter((imported) => !byName.has(imported) && !(SEAMS.get(imported) === name))
        .map((imported) => `${name} imports ${imported}`),
    )
    expect(foreign).toEqual([])
  })

  it('packages stay behind their seams', () => {
    const strays = modules.flatMap(({ name, imports }) =>
      imports
        .filter((imported) => SEAMS.has(imported) && !name.startsWith(SEAMS.get(imported) ?? ''))
        .map((imported) => `${name} imports ${imported}`),
    )
    expect(strays).toEqual([])
  })

  it('nothing pure reaches for the world', () => {
    const found = pure.flatMap(({ name, file }) => worldly(file).map((what) => `${name}: ${what}`))
    expect(found).toEqual([])
  })

  it('the search finds what it looks for', () => {
    const text = 'const a = Date.now() + Math.random(); export const b = { Date: 1 }.Date; process.exit()'
    const file = ts.createSourceFile('x.ts', text, ts.ScriptTarget.ES2022, true)
    expect(worldly(file)).toEqual(['Date', 'Math.random', 'process'])
  })
})

/** Uses of impure globals: identifiers that are neither members, nor keys, nor declared types. */
function worldly(file: ts.SourceFile): readonly string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && node.getText(file) === 'Math.random') found.push('Math.random')
    if (ts.isIdentifier(node) && IMPURE_GLOBALS.has(node.text)) {
      const { parent } = node
      const isMember = ts.isPropertyAccessExpression(parent) && parent.name === node
      const isKey = (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node
      if (!isMember && !isKey) found.push(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}
