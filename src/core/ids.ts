import { UsageError } from './assert.ts'

/**
 * The vocabulary of identity and position. Brands make a term, an index and a count different types:
 * mixing them up is a compile error, and arithmetic, which drops the brand, has to be named.
 */
declare const brand: unique symbol

export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** A server's name: any non-empty string, unique in its cluster, stable across restarts. */
export type NodeId = Brand<string, 'NodeId'>

/** Logical clock of leadership (section 5.1): 0 before the first election, then whole numbers upwards. */
export type Term = Brand<number, 'Term'>

/** 1-based position in the log; 0 is "before the first entry". */
export type Index = Brand<number, 'Index'>

/** The name of one object of a snapshot. 0 always exists and comes first; the others need no order (NuRaft). */
export type ObjectId = number | string

export const FIRST_OBJECT: ObjectId = 0

export const TERM_ZERO = 0 as Term
export const INDEX_ZERO = 0 as Index

/** Brands a string as a node's name. @throws UsageError when it is empty. */
export const nodeId = (name: string): NodeId => {
  if (typeof name !== 'string' || name === '') throw new UsageError('a node id is a non-empty string', { name })
  return name as NodeId
}

/** Brands a whole number ≥ 0 as a term. @throws UsageError otherwise. */
export const term = (value: number): Term => {
  if (!isCounter(value)) throw new UsageError('a term is a whole number, 0 or more', { value })
  return value as Term
}

/** Brands a whole number ≥ 0 as an index. @throws UsageError otherwise. */
export const index = (value: number): Index => {
  if (!isCounter(value)) throw new UsageError('an index is a whole number, 0 or more', { value })
  return value as Index
}

/** What terms, indices and counts are made of: 0, 1, 2 … 2^53 − 1. */
export const isCounter = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

export const successor = (of: Index, by = 1): Index => (of + by) as Index
export const predecessor = (of: Index): Index => (of - 1) as Index
export const nextTerm = (of: Term): Term => (of + 1) as Term
export const minIndex = (a: Index, b: Index): Index => (a < b ? a : b)
export const maxIndex = (a: Index, b: Index): Index => (a > b ? a : b)

/**
 * Numbers of transfers differ between terms, so that a late answer of a shell is never taken for another's: the term
 * in the upper 33 bits of a safe integer, the count of the term's transfers in the lower 20.
 */
export const transferIdOf = (term: Term, count: number): number => (term % TERMS_APART) * TRANSFERS_PER_TERM + count

/** A leader that has used up its term's numbers starts no more transfers, and steps down at its next tick. */
export const hasTransfersLeft = (started: number): boolean => started < TRANSFERS_PER_TERM - 1

const TERMS_APART = 2 ** 33
const TRANSFERS_PER_TERM = 2 ** 20
