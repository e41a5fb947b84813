import { expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId } from '../../src/core/ids.ts'
import { initial } from '../../src/core/start.ts'
import { step } from '../../src/core/step.ts'

it('in tests every step is checked: a state that cannot be is found at once', () => {
  const id = nodeId('n1')
  const state = initial({ id, configuration: configurationOf([id]) })
  const broken = { ...state, server: { ...state.server, commitIndex: index(5) } }
  expect(() => step(broken, { type: 'tick' })).toThrow(InvariantViolation)
})
