import * as v from 'valibot'
import type { JsonValue } from '../../../core/entry.ts'
import { isCounter } from '../../../core/ids.ts'
import { VALUE_DEPTH_MAX, isJson } from '../../../core/json.ts'
import { ERROR, RequestError, isObject, type Request } from '../envelope.ts'

/* The fields of the course's requests, one schema a row of its table. What is not named is ignored. */

/** Terms and indices are counted on from what the client says, and stay exact: half of the safe integers are left. */
export const COUNTER_MAX = 2 ** 52

const counter = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(COUNTER_MAX))
const positive = v.pipe(counter, v.minValue(1))
/** An hour at most: each tick of it takes a step, and every heartbeat becomes a line for each peer. */
const milliseconds = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(3_600_000))
const nodeName = v.pipe(v.string(), v.nonEmpty())
/** A value that the machine takes. What came through JSON.parse is JSON, but may be too deep to walk. */
const json = v.custom<JsonValue>(isJson, `is missing, or is nested more than ${VALUE_DEPTH_MAX} deep`)
/** Any JSON, as deep as a command of the machine around such a value. */
const command = v.custom<JsonValue>(
  (value) => (isObject(value) ? Object.values(value).every(isJson) : isJson(value)),
  `is missing, or holds a value that is nested more than ${VALUE_DEPTH_MAX} deep`,
)
const entry = v.object({ index: v.optional(positive), term: positive, command: v.optional(command) })
const entries = v.pipe(v.array(entry), v.maxLength(1_000_000))
/** What the course's state machine understands; anything else in a committed entry is refused before it is applied. */
const kvCommand = v.variant('op', [
  v.object({ op: v.literal('put'), key: v.string(), value: json }),
  v.object({ op: v.literal('get'), key: v.string() }),
  v.object({ op: v.literal('delete'), key: v.string() }),
])
const kvEntry = v.object({ index: v.optional(positive), term: positive, command: kvCommand })
const kvEntries = v.pipe(v.array(kvEntry), v.maxLength(1_000_000))
const state = v.pipe(
  v.custom<Readonly<Record<string, JsonValue>>>(isObject, 'is not an object'),
  v.check(
    (value) => Object.values(value).every(isJson),
    `holds a value that is nested more than ${VALUE_DEPTH_MAX} deep`,
  ),
)
const matchIndices = v.pipe(
  v.custom<Readonly<Record<string, number>>>(
    (value) => isObject(value) && Object.values(value).every(isCounter),
    'is not an object of whole numbers, 0 or more',
  ),
  v.check((value) => Object.keys(value).length > 0, 'names no node'),
)
const nothing = v.object({})
const keyed = v.object({ key: v.string() })

const SCHEMAS = {
  get_state: nothing,
  become_leader: v.object({ term: v.optional(positive) }),
  wait: v.object({ duration_ms: milliseconds }),
  get_election_timeout: nothing,
  set_term: v.object({ term: counter }),
  request_vote: v.object({ term: counter, candidate_id: nodeName, last_log_index: counter, last_log_term: counter }),
  trigger_election_timeout: nothing,
  raft_append: v.object({ entry: v.object({ term: positive, command }) }),
  append_entries: v.object({
    term: counter,
    leader_id: nodeName,
    prev_log_index: counter,
    prev_log_term: counter,
    entries,
    leader_commit: counter,
  }),
  seed_committed_log: v.object({ entries: kvEntries, commit_index: counter }),
  check_commit: v.object({ log_length: counter, match_indices: matchIndices, current_term: counter }),
  advance_commit: v.object({ old_commit_index: counter, match_indices: matchIndices, current_term: counter }),
  apply_entries: v.object({ entries: kvEntries }),
  leader_change: v.object({ new_leader: nodeName, new_term: positive, log: entries, commit_index: counter }),
  simulate_noop_commit: v.object({ noop_index: positive }),
  take_snapshot: v.union(
    [v.object({ threshold: counter }), v.object({ up_to_index: counter })],
    'takes a threshold or an up_to_index, a whole number, 0 or more',
  ),
  install_snapshot: v.object({ snapshot_index: positive, snapshot_term: positive, state }),
  get_log_info: nothing,
  partition_test: v.object({
    cluster_size: counter,
    operations: counter,
    partition_after_op: counter,
    heal_after_op: counter,
  }),
  verify_linearizability: v.object({ history: json }),
  seed_state: v.object({ state, commit_index: positive, term: positive }),
  write: v.object({
    key: v.string(),
    value: json,
    client_id: v.optional(nodeName),
    seq: v.optional(counter),
  }),
  read: keyed,
  cas: v.object({ key: v.string(), from: json, to: json, create_if_not_exists: v.optional(v.boolean()) }),
  read_index: keyed,
  read_via_log: keyed,
  lease_read: keyed,
  lease_read_config: v.object({
    lease_duration_ms: milliseconds,
    election_timeout_ms: milliseconds,
    max_clock_skew_ms: milliseconds,
  }),
  follower_read: v.object({ key: v.string(), max_staleness_ms: milliseconds }),
  ryw_read: v.object({ key: v.string(), last_write_index: counter, prefer_follower: v.optional(v.boolean()) }),
} as const

export type CourseType = keyof typeof SCHEMAS
export type Fields<T extends CourseType> = v.InferOutput<(typeof SCHEMAS)[T]>

export const isCourseType = (type: string): type is CourseType => Object.hasOwn(SCHEMAS, type)

/** The request's fields. @throws RequestError naming the first field that is missing or wrong. */
export const fieldsOf = <T extends CourseType>(type: T, { body }: Request): Fields<T> => {
  const parsed = v.safeParse(SCHEMAS[type], body, { abortEarly: true })
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const path = v.getDotPath(issue)
  const where = path === null ? '' : `${path}: `
  throw new RequestError(ERROR.malformedRequest, `${type}: ${where}${issue.message}`)
}
