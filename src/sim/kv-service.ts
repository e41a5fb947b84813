import { InvariantViolation } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { kvGet, kvMachine, type KvCommand, type KvResult, type KvState } from '../machine/kv/kv.ts'
import type { Dice } from './dice.ts'
import type { Input, Operation } from '../linearizability/history.ts'
import { checkLinearizability } from '../linearizability/check.ts'
import type { Described, Request, Service, Told } from './service.ts'
import { Workload, commandOf, outputOfResult } from './workload.ts'

/** So few bytes in an object that a handful of keys takes several. */
const OBJECT_BYTES_MAX = 60

/** The key-value machine under random reads, writes and compare-and-sets; its history is to be linearizable. */
export const kvService = (): Service<KvState, KvCommand, KvResult> => {
  let workload: Workload | null = null
  const inputs = new Map<Request<KvState, KvCommand>, Input>()
  return {
    machine: kvMachine({ objectBytesMax: OBJECT_BYTES_MAX }),
    machineOf: (server) => kvMachine({ objectBytesMax: OBJECT_BYTES_MAX + 17 * server }),
    markOf: (request, answer) => {
      const input = inputs.get(request)
      if (input === undefined || workload === null) return null
      const wasThere = workload.expects(input.key)
      const output = outputOf(input, answer)
      if (output !== null) workload.notice(input, output, answer)
      const isMatch = input.kind === 'cas' && wasThere && (answer as KvResult).type === 'ok'
      return isMatch ? 'cas succeeded' : null
    },
    next: (dice: Dice) => {
      workload ??= new Workload(dice)
      const input = workload.next()
      const request = requestOf(input)
      inputs.set(request, input)
      return request
    },
    describe: (request, answer) => described(inputs.get(request), answer),
    judge: (history, undecided) => {
      const verdict = checkLinearizability(history.map((told) => operationOf(told, inputs.get(told.request))))
      if (verdict.result === 'violation') return verdict.explanation
      if (verdict.result === 'unknown') undecided()
      return null
    },
  }
}

/** As Jepsen's registers have it: a compare-and-set that changed nothing has failed. */
const described = (input: Input | undefined, answer: JsonValue | null): Described => {
  if (input === undefined) throw new InvariantViolation('what is written down was asked')
  const { key } = input
  const output = answer === null ? null : outputOf(input, answer)
  switch (input.kind) {
    case 'get':
      return {
        value: { f: 'read', key, ...(output === null ? {} : { value: output.type === 'value' ? output.value : null }) },
      }
    case 'put':
      return { value: { f: 'write', key, value: input.value } }
    case 'delete':
      return { value: { f: 'delete', key } }
    case 'cas': {
      const { from, to, createIfMissing } = input
      const isFailure = output !== null && output.type !== 'ok'
      return { value: { f: 'cas', key, value: [from, to], createIfMissing }, isFailure }
    }
  }
}

const requestOf = (input: Input): Request<KvState, KvCommand> =>
  input.kind === 'get'
    ? { type: 'query', query: { get: input.key }, ask: (state) => valueOf(kvGet(state, input.key)) }
    : { type: 'command', command: commandOf(input) }

/** As JSON: a list of the value, or of nothing where the key is missing. */
const valueOf = (value: JsonValue | undefined): JsonValue => (value === undefined ? [] : [value])

const operationOf = (
  { client, call, answer }: Told<KvState, KvCommand, KvResult>,
  input: Input | undefined,
): Operation => {
  if (input === undefined) throw new InvariantViolation('a history holds what was asked', { client, call })
  if (answer === null) return { client, call, return: null, input, output: null }
  return { client, call, return: answer.time, input, output: outputOf(input, answer.value) }
}

const outputOf = (input: Input, value: JsonValue): Operation['output'] => {
  if (input.kind !== 'get') return outputOfResult(value as KvResult)
  const [found] = value as readonly JsonValue[]
  return found === undefined ? { type: 'missing' } : { type: 'value', value: found }
}
