import { expect, it } from 'vitest'
import { Memo } from '../../src/linearizability/memo.ts'
import { MemberSet } from '../../src/linearizability/member-set.ts'

const SIZE = 70

const setOf = (members: readonly number[]): MemberSet => {
  const set = new MemberSet(SIZE)
  for (const member of members) set.add(member)
  return set
}

const none = setOf([])
const early = Array.from({ length: 32 }, (_, member) => member)

it('tells apart configurations whose hashes are equal, through every growth', () => {
  const memo = new Memo()
  for (let member = 0; member < SIZE; member++)
    for (let state = -2; state < 30; state++) memo.add(7, state, setOf([member]), none)
  expect(memo.has(7, 29, setOf([SIZE - 1]), none)).toBe(true)
  expect(memo.has(7, 30, setOf([SIZE - 1]), none)).toBe(false)
  expect(memo.has(7, 29, none, setOf([SIZE - 1]))).toBe(false)
  expect(memo.has(7, 29, setOf([0, SIZE - 1]), none)).toBe(false)
})

it('compares sets past words that are full, and after members were taken out again', () => {
  const memo = new Memo()
  memo.add(1, 0, setOf([...early, 40]), none)
  const set = setOf([...early, 40, 69])
  expect(memo.has(1, 0, set, none)).toBe(false)
  set.remove(69)
  expect(memo.has(1, 0, set, none)).toBe(true)
  set.remove(3)
  expect(memo.has(1, 0, set, none)).toBe(false)
})
